// Fault injection for ZeroMQ.
#ifndef ZMQ_FAULTS_H
#define ZMQ_FAULTS_H

// This many sends of bulk headers fail, and this many of bulk bytes.
void zmq_faults_fail(int headers, int bodies);

// How many of these faults are left.
int zmq_faults_left(void);

#endif
