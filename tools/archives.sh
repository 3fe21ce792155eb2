#!/usr/bin/env bash
# Fills .build/archives, the linker's first search path for the optimised `daft` (Package.swift), so that it uses
# Debian's static archives (.a) instead of shared libraries: daft is copied to hosts that have only glibc.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$(dirname "$(readlink -f "$(command -v swift)")"):$PATH # clang and llvm-ar come with Swift
place=.build/archives

# Each library with the archives that replace it. Archives do not record their dependencies, so these are listed here.
# libgcc_s is replaced by libgcc_eh.
archives() {
    cat <<'TABLE'
sqlite3 sqlite3
crypto crypto
zstd zstd
edit edit tinfo bsd md
zmq zmq sodium norm protokit pgm bsd md no_kerberos
stdc++ stdc++
gcc_s gcc_eh
TABLE
}

path_of() {
    case $1 in
    no_kerberos) echo "$PWD/$place/libno_kerberos.a" ;;
    *) clang -print-file-name="lib$1.a" ;; # no more than the name where there is none
    esac
}

make_no_kerberos() {
    clang -O2 -c tools/no_kerberos.c -o $place/no_kerberos.o
    rm -f $place/libno_kerberos.a
    llvm-ar rcsD $place/libno_kerberos.a $place/no_kerberos.o
}

# Writes a linker script per library that lists its archives.
write_scripts() {
    local library parts part
    while read -r library parts; do
        for part in $parts; do path_of "$part"; done | paste -sd ' ' | sed 's/.*/GROUP(&)/' >"$place/lib$library.a"
    done < <(archives)
}

# Identifies the versions of all used archives.
used() {
    local part
    for part in $(archives | cut -d ' ' -f 2- | tr ' ' '\n' | sort -u); do
        stat -Lc '%n %s %Y' "$(path_of "$part")" 2>/dev/null || echo "$part is missing"
    done | grep -v no_kerberos
    cksum tools/no_kerberos.c tools/archives.sh
}

mkdir -p $place
before=$(cat $place/used 2>/dev/null || true)
now=$(used)
[ "$now" != "$before" ] || exit 0
rm -rf "${place:?}"/* .build/release/daft # the build does not see that other archives want it linked again
if missing=$(grep ' is missing$' <<<"$now"); then
    echo "archives: ${missing//$'\n'/, }; so daft will need shared libraries wherever it runs" >&2
    exit 0
fi
make_no_kerberos
write_scripts
printf '%s\n' "$now" >$place/used
