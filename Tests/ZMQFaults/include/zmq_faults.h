// ZeroMQ that fails where a test asks for it.
#ifndef ZMQ_FAULTS_H
#define ZMQ_FAULTS_H

// So many sends of the header of a piece of bytes fail, and so many of the bytes themselves.
void zmq_faults_fail(int headers, int bodies);

// How many of these have not been sent yet.
int zmq_faults_left(void);

#endif
