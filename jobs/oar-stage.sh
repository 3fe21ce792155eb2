#!/bin/bash
# Brings files to the local disk of every node of a job of OAR, runs a command there, and brings back what it wrote.
#
#   oarsub -l nodes=4 -S "./oar-stage.sh -i /nfs/me/set [-i MORE]… [-o /nfs/me/results] -- COMMAND ARG…"
#
#   -i PATH  a file or a directory that every node gets; repeat it for more
#   -s       every node sees each PATH, as on a shared filesystem, and reads its share of it (bcast --shared)
#   -o DIR   what the command wrote into $RESULTS comes here, into DIR/NODE/results
#   -t K     start the command K times on each node, instead of once
#   -f FILE  the nodes, one a line, instead of all of the job
#
# COMMAND is started by mpirun, so it may be a program of MPI. It finds the files below $STAGED (the set as $STAGED/set)
# and an empty directory in $RESULTS, both on the node's own disk, below $TMPDIR, else /tmp. The exit status is that of
# COMMAND, and what it wrote comes back also where it failed.
#
# Needs Open MPI, daft-run in the PATH or DAFT_RUN=/path/daft-run, and ssh from node to node (oarsh, where the job has
# a cpuset). oardel and the walltime kill at once, on all nodes, and what is staged stays: where OAR uses cpusets it
# cleans /tmp itself, elsewhere the site's epilogue removes /tmp/daft-$USER-$OAR_JOB_ID. To be told half a minute before
# the walltime, and end in order: oarsub -l nodes=4 --checkpoint 30 --signal 15 "exec ./oar-stage.sh …" (OAR tells its
# own shell alone, so the script must take the place of that; with exec there is no -S).
#OAR -n stage

name=oar-stage
usage='oarsub -l nodes=N -S "./oar-stage.sh -i PATH [-i MORE]… [-s] [-o DIR] [-t K] -- COMMAND ARG…"'

fail() { echo "$name: $1" >&2 && exit "$2"; }

# What tells this job from others.
identify() {
    [ -n "${OAR_NODEFILE:-}" ] || fail "this is no job of OAR. usage: $usage" 2
    id=$OAR_JOB_ID
}

# --- from here on the scripts for OAR, PBS and mpirun are the same

sources=() shared=() to='' tasks=1
while getopts i:o:t:f:s option; do
    case $option in
    i) sources+=("$OPTARG") ;;
    s) shared=(--shared) ;;
    o) to=$OPTARG ;;
    t) tasks=$OPTARG ;;
    f) export DAFT_HOSTFILE=$OPTARG ;;
    *) fail "usage: $usage" 2 ;;
    esac
done
shift $((OPTIND - 1))
[ ${#sources[@]} -gt 0 ] || fail "nothing is to be staged: -i PATH is missing. usage: $usage" 2
[ $# -gt 0 ] || fail "no command. usage: $usage" 2
daft_run=${DAFT_RUN:-daft-run}
command -v "$daft_run" >/dev/null || fail "$daft_run: not found on $(hostname): put it in the PATH, or set DAFT_RUN" 2
identify
place=${TMPDIR:-/tmp}/daft-$(id -un)-$id
export STAGED=$place/staged RESULTS=$place/results DAFT_STORE=$place/staged

# Runs a step to its end, or ends the script where a signal has come meanwhile.
step() {
    local status
    [ -z "$told" ] || stop
    "$@" &
    running=$!
    wait "$running"
    status=$?
    [ -z "$told" ] || stop
    return $status
}

# The step may have got the signal as well, and mpirun takes a second one for leave to go without its tasks. So it gets
# one from here only if it has not ended in three seconds.
stop() {
    for _ in {1..30}; do kill -0 "$running" 2>/dev/null && sleep 0.1; done
    kill -TERM "$running" 2>/dev/null
    wait
    fail "told to end; what is staged stays in $place" 143
}
told='' running=''
trap told=yes TERM INT HUP

# shellcheck disable=SC2016  # for the shells on the nodes
step "$daft_run" --each sh -c 'umask 077 && rm -rf "$RESULTS" && mkdir -p "$RESULTS"' ||
    fail "$place cannot be made on every node" 1
if step "$daft_run" --launch bcast "${shared[@]}" "${sources[@]}"; then
    step "$daft_run" --each="$tasks" "$@"
    status=$?
    if [ -n "$to" ]; then
        step "$daft_run" --launch gather "$RESULTS" --to "$to" --as "/results-$(date +%s)" ||
            status=$((status ? status : $?))
    fi
else
    status=$?
    echo "$name: not staged, so the command is not run" >&2
fi
step "$daft_run" --each rm -rf "$place" || echo "$name: $place is left on some node" >&2
exit $status
