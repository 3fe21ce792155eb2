#!/bin/bash
# Copies files to the local disk of every node of a list, runs a command there, and brings back what it wrote.
#
#   ./mpirun-stage.sh -f hosts -i set [-i MORE]… [-s] [-o results] [-t K] -- COMMAND ARG…
#
# COMMAND is started by mpirun on each node of hosts (a line each), K times, so it may be a program of MPI. It reads
# $STAGED/set and writes to $RESULTS, both on the node's own disk; what it wrote comes to results/RUN/NODE/results,
# also where it failed. Ctrl-C (or SIGTERM) ends it on all nodes, brings back what there is, and leaves what is staged:
# the same command again moves only what lacks. `daft-run job --help` says more. Needs Open MPI, and ssh from here to
# the nodes and among them.
usage='./mpirun-stage.sh -f HOSTFILE -i PATH [-i MORE]… [-s] [-o DIR] [-t K] -- COMMAND ARG…'
[ "${1:-}" = -f ] && [ $# -gt 1 ] || { echo "mpirun-stage: which nodes? $usage" >&2; exit 2; }
export DAFT_HOSTFILE=$2
exec "${DAFT_RUN:-daft-run}" job "${@:3}"
