#!/usr/bin/env bash
# Installs what building and testing need and this machine lacks, from Debian's packages; says what and why.
# Where all is there, it does nothing and says nothing.
set -euo pipefail

need_swift() {
    command -v swift >/dev/null && return
    cat >&2 <<'TEXT'
setup: there is no `swift` on the PATH. daft is built with Swift 6.3 or newer: take the toolchain for this system
setup: from https://www.swift.org/install/linux/, unpack it, and put its usr/bin on the PATH.
TEXT
    exit 1
}

# Prints `package reason` for each package that is not there.
missing_packages() {
    while read -r package reason; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            echo "$package $reason"
    done <<'TABLE'
pkg-config to find the libraries below
libsqlite3-dev SQLite: the catalogue and the stores' own records
libssl-dev OpenSSL: SHA-256
libzstd-dev zstd: compression
libopenmpi-dev Open MPI: the link of a cluster
openmpi-bin mpirun
libzmq3-dev ZeroMQ: the link between workstations
libedit-dev libedit: the prompt
rsync the demo compares trees with it
openssl the tests compare digests with it
TABLE
}

# Runs apt-get quietly, and as root; waits where another apt is at work.
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >/dev/null
}

install_packages() {
    apt install --no-install-recommends "$@" 2>/dev/null && return
    echo "setup: that needs newer package lists; updating them"
    apt update && apt install --no-install-recommends "$@"
}

need_swift
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: this is no Debian, so nothing is installed; the build needs what tools/setup.sh lists" >&2
    exit 0
fi
missing=$(missing_packages)
[ -n "$missing" ] || exit 0

echo "setup: these Debian packages are missing and will be installed:"
while read -r package reason; do printf '  %-15s %s\n' "$package" "$reason"; done <<<"$missing"
mapfile -t packages < <(cut -d ' ' -f 1 <<<"$missing")
as_root=()
if [ "$(id -u)" != 0 ]; then
    as_root=(sudo)
    if ! command -v sudo >/dev/null; then
        echo "setup: that needs root, and there is no sudo. As root: apt-get install ${packages[*]}" >&2
        exit 1
    fi
fi
if ! install_packages "${packages[@]}"; then
    echo "setup: apt-get could not install: ${packages[*]}" >&2
    exit 1
fi
echo "setup: done"
