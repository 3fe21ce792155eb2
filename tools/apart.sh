#!/usr/bin/env bash
# Runs a command in this repository, and fails if anything of it is there when it has ended, and names that: processes,
# files, mounts, loop devices, new files in the repository: tools/apart.sh [--memory] COMMAND ARG…
#
# Who may mount gives the command a /tmp and a /dev/shm of its own, that go with it; whatever has them in its sight is
# the command's, so that nothing that others do on this machine meanwhile is taken for its doing, and what is left of
# it can be ended. With --memory that /tmp is in memory, where many small files are made in a third of the time. Who may
# not mount has a TMPDIR that goes with the command, and is told what else is new in /tmp that
# begins with daft, and which of the programs built here run.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
patience_seconds=15

# What is below /tmp would be out of sight: of that, only the repository is taken along.
can_mount() {
    local place
    [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || return 1
    for place in "${HOME:-/}" "$(readlink -f "$(command -v swift)")"; do
        case $place in /tmp/*) return 1 ;; esac
    done
}

# From outside: a room for the files, and this script again, in it.
enter() {
    local start=("$0" --beside)
    ! can_mount || start=(unshare --mount --propagation private "$0" "--in$memory")
    room=$(mktemp -d /tmp/daft-apart.XXXXXX)
    trap 'rm -rf --one-file-system "$room"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "${start[@]}" "$room" "$@"
}

make_own_places() {
    [ -z "$memory" ] || mount -t tmpfs -o mode=1777 tmpfs "$room"
    case $repository in
    /tmp/*)
        mkdir -p "$room${repository#/tmp}"
        mount --bind "$repository" "$room${repository#/tmp}"
        ;;
    esac
    chmod 1777 "$room"
    mount --rbind "$room" /tmp
    mount -t tmpfs -o mode=1777 tmpfs /dev/shm
}

# Those that see this room, or run what was built here; but for this script and its parts.
processes() {
    local found place id
    if [ "$way" = --in ]; then
        mapfile -t found < <(grep -lsF "${room##*/}" /proc/[0-9]*/mountinfo)
    else
        mapfile -t found < <(find /proc/[0-9]*/exe -maxdepth 0 -lname "$repository/.build/*" 2>/dev/null)
    fi
    for place in "${found[@]}"; do
        place=${place%/*} id=${place##*/}
        cmp -s "/proc/$$/cmdline" "$place/cmdline" && continue
        [ ! -d "$place" ] || echo "process $id $(tr '\0' ' ' 2>/dev/null <"$place/cmdline" || true)"
    done
}

# Swift's own, and memory that killed ranks shared, go with the room.
files() {
    if [ "$way" = --in ]; then
        find /tmp /dev/shm -mindepth 1 -maxdepth 1 \
            ! -name 'TemporaryDirectory.*' ! -name swift-generated-sources ! -name '*.lock' ! -name 'vader_segment.*' \
            -printf 'file %p\n'
    else
        find /tmp -mindepth 1 -maxdepth 1 -user "$(id -u)" -name 'daft*' ! -path "$room" -printf 'file %p\n'
    fi
}

# Those whose file is in the room.
loop_devices() {
    local device file
    [ "$way" = --in ] || return 0
    losetup --noheadings --list --output NAME,BACK-FILE 2>/dev/null | while read -r device file; do
        case $file in /tmp/*) [ ! -e "$file" ] || echo "loop device $device of $file" ;; esac
    done
}

# Everything that could be left, a line each; the same before and after where nothing is.
look() {
    processes
    files
    loop_devices
    awk '{ print "mount", $5 }' /proc/self/mountinfo
    git -C "$repository" ls-files --others --exclude-standard 2>/dev/null |
        sed 's/^/new file of the repository: /' || true
}

# What ends a little later than the command, such as a box, is waited for. What stays is named, and if it is a process
# of this room, ended.
check() {
    local now left begin=$SECONDS
    while :; do
        now=$(look)
        left=$(comm -13 <(sort <<<"$before") <(sort <<<"$now"))
        [ -n "$left" ] || return 0
        [ $((SECONDS - begin)) -lt $patience_seconds ] || break
        sleep 0.3
    done
    printf 'apart: this was left behind:\n%s\n' "$left" >&2
    [ "$way" = --beside ] || awk '$1 == "process" { print $2 }' <<<"$left" | xargs -r kill -KILL 2>/dev/null || true
    return 1
}

memory=
case ${1:-} in
--in | --in-memory | --beside)
    way=${1%-memory} memory=${1#"$way"} room=$2
    shift 2
    ;;
*)
    [ "${1:-}" != --memory ] || { memory=-memory && shift; }
    enter "$@"
    exit
    ;;
esac
# Who is told to end still ends what was started.
trap 'patience_seconds=2' INT TERM
cd "$repository"
if [ "$way" = --in ]; then
    make_own_places
    cd "$repository"
    export TMPDIR=/tmp
else
    export TMPDIR=$room
fi
before=$(look)
status=0
"$@" || status=$?
check || [ $status != 0 ] || status=1
exit $status
