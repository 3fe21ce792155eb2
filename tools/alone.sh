#!/usr/bin/env bash
# Checks that the optimised daft is linked with glibc only and runs without anything else: in a root directory with only
# the program, glibc's files, /proc (from which Swift reads arguments) and an empty /tmp. Requires root.
set -euo pipefail
cd "$(dirname "$0")/.."
glibc='libc\.so\.6|libm\.so\.6|ld-linux[^/]*\.so\.[0-9]+'
daft=${1:-.build/release/daft}
root=$(mktemp -d "${TMPDIR:-/tmp}/daft-alone.XXXXXX")
trap 'rm -rf "$root"' EXIT

fail() {
    printf 'alone: %s\n' "$@" >&2
    exit 1
}

check_libraries() {
    local foreign
    foreign=$(readelf -d "$daft" | sed -n 's/.*(NEEDED).*\[\(.*\)\]$/\1/p' | grep -vxE "$glibc" || true)
    [ -z "$foreign" ] || fail "$daft needs more than glibc:" "$foreign"
}

# The glibc version required by the functions in use.
say_glibc() {
    echo "alone: $daft, $(stat -Lc %s "$daft") bytes, needs glibc" \
        "$(objdump -T "$daft" | grep -o 'GLIBC_[0-9.]*' | sort -uV | sed -n '$s/GLIBC_//p') and nothing else"
}

make_root() {
    local file
    mkdir "$root/tmp" "$root/proc"
    cp -L "$daft" "$root/daft"
    for file in $(ldd "$daft" | grep -oE "/[^ ]*/($glibc)"); do
        mkdir -p "$root${file%/*}"
        cp -L "$file" "$root$file"
    done
}

# Runs a program in a root, with only PATH in the environment; unmounts afterwards.
enter() {
    env -i PATH="$PATH" unshare --mount sh -c 'mount --bind /proc "$0/proc" && exec chroot "$0" "$@"' "$@"
}

# Runs daft in that root and checks its exit status and part of its output.
check() {
    local expected=$1 words=$2 status=0
    shift 2
    enter "$root" /daft "$@" >"$root/said" 2>&1 || status=$?
    [ "$status" = "$expected" ] || fail "daft $* ended with $status, not $expected:" "$(cat "$root/said")"
    grep -qF -- "$words" "$root/said" || fail "daft $* does not say \`$words\` but:" "$(cat "$root/said")"
}

check_libraries
say_glibc
if [ "$(id -u)" != 0 ] || ! unshare --mount true 2>/dev/null; then
    echo "alone: not run in a root of its own: that needs root, and the right to mount"
    exit 0
fi
make_root
check 0 'daft ' --version
check 0 'daft [OPTIONS] COMMAND' --help
check 6 'no daft runs with this store on this node' ls
echo "alone: it runs with $(cd "$root" && find . -type f -name '*.so*' -printf '%f ')and no other file"
