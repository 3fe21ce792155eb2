// Replaces MPI_Testsome and calls the library's through its profiling name.

#include "mpi_faults.h"
#include <mpi.h>

enum { first_bulk_tag = 16 };

static int victim = -1, failing_calls = 0;

void mpi_faults_fail_receive_from(int rank) { victim = rank; }

void mpi_faults_fail_testsome(int calls) { failing_calls = calls; }

int MPI_Testsome(int count, MPI_Request requests[], int *completed, int indices[], MPI_Status statuses[]) {
  if (failing_calls > 0) {
    failing_calls--;
    *completed = 0;
    return MPI_ERR_INTERN;
  }
  int code = PMPI_Testsome(count, requests, completed, indices, statuses);
  if (code != MPI_SUCCESS || *completed == MPI_UNDEFINED || victim < 0) return code;
  for (int i = 0; i < *completed; i++) {
    statuses[i].MPI_ERROR = MPI_SUCCESS;
    if (victim < 0 || statuses[i].MPI_SOURCE != victim || statuses[i].MPI_TAG < first_bulk_tag) continue;
    statuses[i].MPI_ERROR = MPI_ERR_TRUNCATE;
    victim = -1;
    code = MPI_ERR_IN_STATUS;
  }
  return code;
}
