#!/usr/bin/env bash
# Installs missing Debian packages for building, and says which and why; does nothing silently if all are installed.
# `setup.sh deb` does so for packaging, `setup.sh test` for building and testing, `setup.sh bench` for these and
# benchmarks.
set -euo pipefail

# For building, and for all tests that run after every build.
build_table() {
    cat <<'TABLE'
pkg-config to find Open MPI
libsqlite3-dev SQLite: the catalogue and the stores' own records
libssl-dev OpenSSL: SHA-256
libzstd-dev zstd: compression
libopenmpi-dev Open MPI: the link of a cluster
openmpi-bin mpirun
libzmq3-dev ZeroMQ: the link between workstations
libedit-dev libedit: the prompt
libstdc++-12-dev what ZeroMQ needs of C++, as an archive
libsodium-dev archives that the one of ZeroMQ needs: encryption
libnorm-dev multicast
libpgm-dev multicast
libkrb5-dev the header of what stands in for Kerberos
libncurses-dev archives that the one of libedit needs: terminals
libbsd-dev strings
libmd-dev hashes of libbsd
binutils to look at what daft is linked with
rsync the demo compares trees with it
openssl the tests compare digests with it
python3-jsonschema the tests hold the output of --json against its schema
iproute2 the cluster in a box: links, and their rates
util-linux the cluster in a box: namespaces
openssh-server each host of the box has one
openssh-client daft start reaches hosts by it
TABLE
}

# Also for packaging.
deb_table() {
    cat <<'TABLE'
dpkg-dev what a package depends on
lintian what is wrong with a package
TABLE
}

# Also for some tests: a real Slurm and OAR in the box, shells with completion, mounted filesystems. Without these
# packages the tests are skipped with a message.
test_table() {
    deb_table
    cat <<'TABLE'
mandoc checks the manual pages
zsh completes in it
fish completes in it
slurm-client Slurm: sbatch, srun
slurmctld its controller
slurmd and its daemon on each host
slurm-wlm-basic-plugins their plugins, mpi_pmix among them
libpmix-dev the libpmix.so that mpi_pmix opens
munge Slurm's keys
postgresql OAR: its database
procps what jobs have left running
e2fsprogs ext4 whose power is cut
xfsprogs xfs whose power is cut
TABLE
}

# Also for benchmarks: the box, and the programs that daft is compared with.
bench_table() {
    cat <<'TABLE'
python3 the harness
gcc the plain MPI_Bcast that daft is compared with
iperf3 what a link carries
librsvg2-bin plots as PNG, to look at them
taktuk compared: a broadcast over ssh
kanif compared: TakTuk as copying commands
nfs-ganesha compared: NFS, without the kernel's
nfs-ganesha-vfs its files on a local disk
sshfs the file system that all nodes of a job share
libnfs-utils NFS from a program, without the kernel's
uftp compared: files by multicast
udpcast compared: a stream by multicast
TABLE
}

need_swift() {
    command -v swift >/dev/null && return
    cat >&2 <<'TEXT'
setup: there is no `swift` on the PATH. daft is built with Swift 6.3 or newer: take the toolchain for this system
setup: from https://www.swift.org/install/linux/, unpack it, and put its usr/bin on the PATH.
TEXT
    exit 1
}

# Reads lines `package reason`, and prints those whose package is not installed.
missing_packages() {
    while read -r package reason; do
        dpkg-query -W -f '${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed ||
            echo "$package $reason"
    done
}

# Runs apt-get quietly as root; waits for another running apt.
apt() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -y -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=300 "$@" >/dev/null
}

install_packages() {
    apt install --no-install-recommends "$@" 2>/dev/null && return
    echo "setup: that needs newer package lists; updating them"
    apt update && apt install --no-install-recommends "$@"
}

# Prevents installed services from starting: tests and benchmarks run them on the box's hosts.
keep_services_down() {
    local policy=/usr/sbin/policy-rc.d
    [ ! -e "$policy" ] || return 0
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" install -m 755 /dev/stdin "$policy"
    trap '"${as_root[@]}" rm -f '"$policy" EXIT
}

# Reports unavailable packages; tests and benchmarks work without them.
install_each() {
    local package
    install_packages "$@" && return
    for package in "$@"; do
        apt install --no-install-recommends "$package" || echo "setup: $package cannot be installed" >&2
    done
}

# OAR is installed in the box only, so its packages are just downloaded.
fetch_oar() {
    local fetch=(bench/box/oar-up.sh fetch)
    [ "$(id -u)" = 0 ] || return 0
    "${fetch[@]}" 2>/dev/null || { apt update && "${fetch[@]}"; } || echo "setup: the tests of OAR will be skipped" >&2
}

cd "$(dirname "$0")/.."
as_root=()
need_swift
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    echo "setup: this is no Debian, so nothing is installed; the build needs what tools/setup.sh lists" >&2
    exit 0
fi
needed=$(build_table | missing_packages)
case ${1:-build} in
build) wanted= ;;
deb) wanted=$(deb_table | missing_packages) ;;
test) wanted=$(test_table | missing_packages) ;;
bench) wanted=$({ test_table && bench_table; } | missing_packages) ;;
*)
    echo "setup: \`${1}\` is neither build nor deb nor test nor bench" >&2
    exit 2
    ;;
esac
missing=$(printf '%s\n%s' "$needed" "$wanted" | sed '/^$/d')
[ -n "$missing" ] || { [ "${1:-build}" != test ] || fetch_oar; exit 0; }

echo "setup: these Debian packages are missing and will be installed:"
while read -r package reason; do printf '  %-24s %s\n' "$package" "$reason"; done <<<"$missing"
mapfile -t packages < <(cut -d ' ' -f 1 <<<"$missing")
if [ "$(id -u)" != 0 ]; then
    as_root=(sudo)
    if ! command -v sudo >/dev/null; then
        echo "setup: that needs root, and there is no sudo. As root: apt-get install ${packages[*]}" >&2
        [ -z "$needed" ] || exit 1
        exit 0
    fi
fi
keep_services_down
mapfile -t packages < <(cut -d ' ' -f 1 <<<"$needed" | sed '/^$/d')
if [ ${#packages[@]} -gt 0 ] && ! install_packages "${packages[@]}"; then
    echo "setup: apt-get could not install: ${packages[*]}" >&2
    exit 1
fi
mapfile -t packages < <(cut -d ' ' -f 1 <<<"$wanted" | sed '/^$/d')
[ ${#packages[@]} = 0 ] || install_each "${packages[@]}"
[ "${1:-build}" != test ] || fetch_oar
echo "setup: done"
