#!/bin/bash
# Copies files to the local disk of every node in a list, runs a command there, and collects its results.
#
#   ./mpirun-stage.sh -f hosts -i set [-i MORE]… [-s] [-o results] [-t K] -- COMMAND ARG…
#
# mpirun starts COMMAND K times on each node of hosts (one per line), so it may be an MPI program. It reads $STAGED/set
# and writes to $RESULTS, both on the node's own disk; its output is copied to results/RUN/NODE/results, even if it
# failed. Ctrl-C (or SIGTERM) ends it on all nodes, collects the results so far, and keeps the staged files: the same
# command again moves only what is missing. See `daft-run job --help`. Needs Open MPI, and ssh from here to the nodes
# and between them.
usage='./mpirun-stage.sh -f HOSTFILE -i PATH [-i MORE]… [-s] [-o DIR] [-t K] -- COMMAND ARG…'
[ "${1:-}" = -f ] && [ $# -gt 1 ] || { echo "mpirun-stage: which nodes? $usage" >&2; exit 2; }
export DAFT_HOSTFILE=$2
exec "${DAFT_RUN:-daft-run}" job "${@:3}"
