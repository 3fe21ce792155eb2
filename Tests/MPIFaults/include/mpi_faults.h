// MPI that fails where a test asks for it.
#ifndef MPI_FAULTS_H
#define MPI_FAULTS_H

// The next receive of a load's bytes from `rank` that completes, fails.
void mpi_faults_fail_receive_from(int rank);

// So many calls of MPI_Testsome fail as a whole, and complete nothing.
void mpi_faults_fail_testsome(int calls);

#endif
