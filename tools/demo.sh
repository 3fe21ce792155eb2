#!/usr/bin/env bash
# Stages a small tree over four data servers that live in one process, and compares what comes out with what went in.
# Needs no root and leaves nothing behind.
set -euo pipefail

daft_solo=$(cd "$(dirname "$0")/.." && pwd)/.build/release/daft-solo
place=$(mktemp -d "${TMPDIR:-/tmp}/daft-demo.XXXXXX")
trap 'chmod -R u+w "$place" && rm -rf "$place"' EXIT
cd "$place"

# Says what comes, shows the command, runs it over the four stores.
show() {
    printf '\n# %s\n$ daft-solo %s\n' "$1" "${*:2}"
    "$daft_solo" -np 4 --store "$place/store" --catalogue "$place/catalogue" --no-progress "${@:2}"
}

# Fails, naming what differs, unless the two trees have the same names, bytes, modes, times and symlinks.
same() {
    local differences
    differences=$(rsync -naHSc --itemize-changes --delete "$1/" "$2/")
    [ -z "$differences" ] || { printf 'demo: %s and %s differ:\n%s\n' "$1" "$2" "$differences" >&2 && return 1; }
}

make_sample() {
    mkdir -p set/deep/er set/empty
    : >set/nothing
    printf x >set/one-byte
    head -c 100000 /dev/urandom >set/deep/small
    head -c $((4 << 20)) /dev/urandom >set/deep/one-chunk
    head -c $(((9 << 20) + 1)) /dev/urandom >set/deep/er/three-chunks
    truncate -s 64M set/mostly-hole
    printf end >>set/mostly-hole
    cp set/deep/small set/the-same-bytes
    ln -s deep/small set/link
    printf odd >set/$'a new\nline and \377'
    chmod 750 set/one-byte
    touch -d '2001-02-03 04:05:06.123456789' set/deep/small set/deep
}

make_sample
echo '# The sample: files of 0 bytes to 64 MiB, one mostly hole, two with the same bytes, a symlink, an odd name.'
ls -lnRb set

show 'put: the tree is published, on one data server' put set
show 'ls -l: every name, with size, time, chunks and where it is' ls -l /set
show 'bcast: every data server gets a complete copy; what it has already does not move' bcast /set
for store in store store.1 store.2 store.3; do
    diff -r --no-dereference set "$store/set"
done
echo '# Each store holds the tree as plain files, the same as the original (diff -r).'
show 'ls -n: the nodes, and what each keeps' ls -n
show 'verify: what every data server keeps is read and hashed again' verify
show 'get: the tree is written to the local disk' get /set --to "$place/out"
same set out
echo '# What came out is what went in: bytes, modes, times and symlinks (rsync -naHSc --itemize-changes).'
show 'put again: nothing moves, nothing changes' put set
printf '\n# Other bytes under a taken name are refused, with exit status 4\n$ daft-solo put other --as /set/one-byte\n'
printf y >other
status=0
"$daft_solo" -np 4 --store "$place/store" --catalogue "$place/catalogue" -q put other --as /set/one-byte || status=$?
[ "$status" = 4 ] || { echo "demo: exit status $status, expected 4" >&2 && exit 1; }
printf '\ndemo: all is as it should be\n'
