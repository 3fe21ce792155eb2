// Fault injection for MPI.
#ifndef MPI_FAULTS_H
#define MPI_FAULTS_H

// The next completed receive of a load's bytes from `rank` fails.
void mpi_faults_fail_receive_from(int rank);

// This many calls of MPI_Testsome fail as a whole and complete nothing.
void mpi_faults_fail_testsome(int calls);

#endif
