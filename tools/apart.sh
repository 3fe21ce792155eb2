#!/usr/bin/env bash
# Runs a command in this repository, and fails if it leaves anything behind, which is listed: processes, files, mounts,
# loop devices, new files in the repository: tools/apart.sh [--memory] COMMAND ARG…
#
# With the privilege to mount, the command gets a private /tmp and /dev/shm. Every process that sees these belongs to
# the command, so that other activity on this machine is not attributed to it, and leftover processes can be killed.
# With --memory that /tmp is in memory, where creating many small files takes a third of the time. Without the privilege
# the command gets a private TMPDIR; new files in /tmp that begin with daft and running programs built here are then
# reported.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)
patience_seconds=15

# Everything below /tmp would be hidden, so the repository is mounted there again.
can_mount() {
    local place
    [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || return 1
    for place in "${HOME:-/}" "$(readlink -f "$(command -v swift)")"; do
        case $place in /tmp/*) return 1 ;; esac
    done
}

# Outer call: creates a private directory and runs this script again in it.
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

# Processes that see this directory or run programs built here, except this script and its parts.
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

# Temporary files of Swift, and shared memory of killed ranks, are removed with the directory.
files() {
    if [ "$way" = --in ]; then
        find /tmp /dev/shm -mindepth 1 -maxdepth 1 \
            ! -name 'TemporaryDirectory.*' ! -name swift-generated-sources ! -name '*.lock' ! -name 'vader_segment.*' \
            -printf 'file %p\n'
    else
        find /tmp -mindepth 1 -maxdepth 1 -user "$(id -u)" -name 'daft*' ! -path "$room" -printf 'file %p\n'
    fi
}

# Loop devices of files in the directory.
loop_devices() {
    local device file
    [ "$way" = --in ] || return 0
    losetup --noheadings --list --output NAME,BACK-FILE 2>/dev/null | while read -r device file; do
        case $file in /tmp/*) [ ! -e "$file" ] || echo "loop device $device of $file" ;; esac
    done
}

# Everything that could be left over, one per line.
look() {
    processes
    files
    loop_devices
    awk '{ print "mount", $5 }' /proc/self/mountinfo
    git -C "$repository" ls-files --others --exclude-standard 2>/dev/null |
        sed 's/^/new file of the repository: /' || true
}

# Waits for processes that end a little later, such as a box. What remains is reported; processes with this directory
# are killed.
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
# When told to end, still end what was started.
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
