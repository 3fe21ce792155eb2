#!/bin/bash
# Copies files to the local disk of every node of a job of PBS, runs a command there, and brings back what it wrote.
#
#   qsub -l select=4 -l place=scatter -- "$PWD/pbs-stage.sh" -i /nfs/me/set [-i MORE]… [-s] [-o DIR] [-t K] -- COMMAND…
#   qsub -l nodes=4 -F "-i /nfs/me/set [-i MORE]… [-o DIR] -- COMMAND ARG…" pbs-stage.sh         (Torque)
#
# COMMAND is started by mpirun on each node, K times, so it may be a program of MPI. It reads $STAGED/set and writes to
# $RESULTS, both on the node's own disk; what it wrote comes to DIR/JOBID/NODE/results, also where it failed or the job
# is told to end. `daft-run job --help` says more. Needs Open MPI. What a killed job leaves is for the site's epilogue:
# /tmp/daft-$USER-$PBS_JOBID
#PBS -N stage

# A job of PBS begins at home.
cd "${PBS_O_WORKDIR:-.}" || exit 1
exec "${DAFT_RUN:-daft-run}" job "$@"
