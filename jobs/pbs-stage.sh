#!/bin/bash
# Copies files to the local disk of every node of a PBS job, runs a command there, and collects its results.
#
#   qsub -l select=4 -l place=scatter -- "$PWD/pbs-stage.sh" -i /nfs/me/set [-i MORE]… [-s] [-o DIR] [-t K] -- COMMAND…
#   qsub -l nodes=4 -F "-i /nfs/me/set [-i MORE]… [-o DIR] -- COMMAND ARG…" pbs-stage.sh         (Torque)
#
# mpirun starts COMMAND K times on each node, so it may be an MPI program. It reads $STAGED/set and writes to $RESULTS,
# both on the node's own disk; its output is copied to DIR/JOBID/NODE/results, even if it failed or the job is told to
# end. See `daft-run job --help`. Needs Open MPI. The site's epilogue should remove what a killed job leaves:
# /tmp/daft-$USER-$PBS_JOBID
#PBS -N stage

# PBS starts jobs in the home directory.
cd "${PBS_O_WORKDIR:-.}" || exit 1
exec "${DAFT_RUN:-daft-run}" job "$@"
