#!/bin/bash
# Copies files to the local disk of every node of an OAR job, runs a command there, and collects its results.
#
#   oarsub -l nodes=4 -S "./oar-stage.sh -i /nfs/me/set [-i MORE]… [-s] [-o /nfs/me/results] [-t K] -- COMMAND ARG…"
#
# mpirun starts COMMAND K times on each node, so it may be an MPI program. It reads $STAGED/set and writes to $RESULTS,
# both on the node's own disk; its output is copied to /nfs/me/results/JOBID/NODE/results, even if it failed. See
# `daft-run job --help`. Needs Open MPI, and ssh between nodes (oarsh, if the job has a cpuset).
#
# oardel and the walltime kill at once, on all nodes. To be warned half a minute before the walltime, so that results
# are collected: oarsub -l nodes=4 --checkpoint 30 --signal 15 "exec ./oar-stage.sh …" (OAR signals only its own shell,
# which the script must replace; with exec there is no -S). On nodes without cpusets the site's epilogue should remove
# what a killed job leaves: /tmp/daft-$USER-$OAR_JOB_ID
#OAR -n stage
exec "${DAFT_RUN:-daft-run}" job "$@"
