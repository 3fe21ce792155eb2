#!/bin/bash
# Copies files to the local disk of every node of a job of OAR, runs a command there, and brings back what it wrote.
#
#   oarsub -l nodes=4 -S "./oar-stage.sh -i /nfs/me/set [-i MORE]… [-s] [-o /nfs/me/results] [-t K] -- COMMAND ARG…"
#
# COMMAND is started by mpirun on each node, K times, so it may be a program of MPI. It reads $STAGED/set and writes to
# $RESULTS, both on the node's own disk; what it wrote comes to /nfs/me/results/JOBID/NODE/results, also where it
# failed. `daft-run job --help` says more. Needs Open MPI, and ssh from node to node (oarsh, if the job has a cpuset).
#
# oardel and the walltime kill at once, on all nodes. To be told half a minute before the walltime, and have the results
# brought back: oarsub -l nodes=4 --checkpoint 30 --signal 15 "exec ./oar-stage.sh …" (OAR tells its own shell alone,
# so the script must take the place of that; with exec there is no -S). On nodes without cpusets what a killed job
# leaves is for the site's epilogue: /tmp/daft-$USER-$OAR_JOB_ID
#OAR -n stage
exec "${DAFT_RUN:-daft-run}" job "$@"
