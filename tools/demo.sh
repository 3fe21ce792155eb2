#!/usr/bin/env bash
# Demonstrates daft: a metadata server and four data servers under mpirun on this machine; stages, refuses, interrupts
# and resumes, and compares the results with the sources. Needs no root and 1 GiB in TMPDIR, and leaves nothing behind:
# tools/demo.sh [DIRECTORY-OF-THE-PROGRAMS]
set -euo pipefail
programs=$(cd "${1:-$(dirname "$0")/../.build/release}" && pwd)
place=$(mktemp -d "${TMPDIR:-/tmp}/daft-demo.XXXXXX")
mpirun=
ranks=
export PATH=$programs:$PATH
export DAFT_STORE=$place/store DAFT_NO_PROGRESS=1
# Allows five ranks on any machine for any user, with Open MPI's files in the same directory.
export OMPI_MCA_rmaps_base_oversubscribe=1 OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_orte_tmpdir_base=$place
export OMPI_MCA_btl_vader_backing_directory=$place OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

# mpirun's children, while it is running.
find_ranks() { ranks="$ranks $(cat /proc/"$mpirun"/task/*/children 2>/dev/null || true)"; }

# Whether one of these processes is still running daft-run.
run() {
    local process
    for process in "$@"; do
        [ "$(readlink "/proc/$process/exe" 2>/dev/null)" != "$programs/daft-run" ] || return 0
    done
    return 1
}

# Ends mpirun and its ranks in order; after five seconds kills the rest.
clean() {
    trap '' INT TERM HUP
    if [ -n "$mpirun" ]; then
        find_ranks
        kill -TERM "$mpirun" 2>/dev/null || true
        # shellcheck disable=SC2086
        for _ in $(seq 50); do
            kill -0 "$mpirun" 2>/dev/null || run $ranks || break
            sleep 0.1
        done
        # shellcheck disable=SC2086
        ! run $ranks || kill -KILL "$mpirun" $ranks 2>/dev/null || true
        wait "$mpirun" 2>/dev/null || true
    fi
    chmod -R u+w "$place"
    rm -rf "$place"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
cd "$place"

fail() {
    echo "demo: $*" >&2
    exit 1
}

# Prints what comes next.
say() {
    echo
    printf '%s\n' "$@"
}

show() {
    echo "\$ $*"
    "$@"
}

# Likewise, for a command that should fail.
show_failing() {
    local expected=$1 status=0
    shift
    show "$@" 2>&1 || status=$?
    [ $status = "$expected" ] || fail "exit status $status, and not $expected"
}

# A tree with difficult entries, and a file that takes a moment.
make_sample() {
    mkdir -p set/deep/er set/empty
    : >set/nothing
    head -c 100000 /dev/urandom >set/deep/small
    head -c $(((9 << 20) + 1)) /dev/urandom >set/deep/er/three-chunks
    truncate -s 64M set/mostly-hole
    printf end >>set/mostly-hole
    cp set/deep/small set/the-same-bytes
    ln -s deep/small set/link
    printf odd >set/$'a new\nline and \377'
    chmod 750 set/the-same-bytes
    touch -d '2001-02-03 04:05:06.123456789' set/deep/small set/deep
    head -c $((192 << 20)) /dev/urandom >big
}

start_ranks() {
    echo '$ mpirun -np 5 daft-run serve &'
    mpirun -np 5 daft-run serve >said 2>&1 &
    mpirun=$!
    for _ in $(seq 200); do
        { grep -q serving said || ! kill -0 $mpirun; } 2>/dev/null && break
        sleep 0.05
    done
    find_ranks
    cat said
    grep -q serving said || fail 'the system did not start'
}

# Ctrl-C, as soon as the last data server has part of it.
show_interrupted() {
    local client status=0
    echo "\$ $*        (and Ctrl-C)"
    env --default-signal=INT "$@" 2>&1 &
    client=$!
    while kill -0 $client 2>/dev/null && [ "$(du -sk store.3/.daft/partial | cut -f 1)" -lt 16384 ]; do sleep 0.01; done
    kill -INT $client 2>/dev/null || true
    wait $client || status=$?
    [ $status = 130 ] || fail "exit status $status, and not 130"
}

# The results have the same names, bytes, modes, times and symlinks. (Files in stores are read-only.)
same() {
    local differences
    differences=$(rsync -naHSc --itemize-changes --delete "$1/" "$2/")
    [ -z "$differences" ] || fail "$1 and $2 differ:" "$differences"
}

make_sample
cat <<TEXT
daft brings files onto the disks of the nodes that use them. Here four data servers on this machine are the nodes, each
with a directory for a disk; a metadata server knows who has what. All five are processes under mpirun, as in a job.
The sample: \`set\`, a tree with a file of 64 MiB that is mostly hole, two of the same bytes, a symlink, an odd name;
and \`big\`, 192 MiB.
TEXT

# shellcheck disable=SC2016
say '1. The five are started, and stay. `daft` brings commands to them.'
start_ranks

say '2. The tree comes to all four. It is read once and goes from one to the next, as along a chain of nodes.' \
    '   "moved" is what went between processes: to three more, without the holes, and the same bytes once.'
show daft bcast set

say '3. Every store has plain files, under the names that they are published by, for any program to open.'
show ls -F store.3/set/deep
for store in store store.1 store.2 store.3; do diff -r --no-dereference set $store/set; done
echo 'All four are the same as the original (by diff).'

say '4. daft knows what is where: size, time, chunks of 4 MiB, and who keeps them.'
show daft ls -l /set/deep

say '5. A large file goes to all, and is interrupted. What has arrived stays.'
show_interrupted daft bcast big

say '6. Resuming is running it again: less is moved than the three times 192 MiB of the whole.'
show daft bcast big | tee again
[ "$(sed -n 's/.* \([0-9]*\)[.0-9]* MiB moved.*/\1/p' again)" -lt 576 ] || fail 'it began anew'
for store in store store.1 store.2 store.3; do cmp big $store/big; done
echo 'All four are the same as the original (by cmp).'

say '7. A name is written once. The same bytes again are done at once, and move nothing; others are refused.'
show daft put big
printf other >other
show_failing 4 daft put other --as /set/nothing
echo 'exit status 4, and nothing has changed anywhere'

say '8. Everything that the four keep is read and hashed again; then the tree comes back from them.'
show daft verify
show daft get /set --to back
same set back
[ "$(du -k back/mostly-hole | cut -f 1)" -lt 1024 ] || fail 'the hole was filled'
echo 'What came back is what went in: bytes, modes, times, symlinks and holes (by rsync).'

say '9. The end. What is in the stores would stay there; the demo removes it.'
show daft quit 2>&1
wait "$mpirun" || fail 'the system did not end in order'
mpirun=
clean
trap - EXIT
cat <<TEXT

All is as it should be. Nothing is left of it.
Next: \`make install\`, and \`daft-solo\`, a prompt to play with (README.md, By hand); scripts for jobs in slurm/ and
jobs/; \`daft start hosts\` for machines with an sshd (docs/workstations.md); every word of it in \`man daft\`.
TEXT
