#!/usr/bin/env bash
# A real OAR 2.5 over the box: its server, with a PostgreSQL, on n0, where jobs are submitted; the other hosts are its
# nodes, of one core each. Run after `box.sh up`, with its BOX_DIR; what it started ends with the box.
# `oar-up.sh fetch` only gets the packages, from Debian, into a cache that is kept.
#
# The packages go into the hosts' own roots: the machine stays as it is, but for PostgreSQL, which is to be there. OAR
# takes no jobs of root: there should be another account on all hosts. There are no cpusets, as at sites that have left
# them out: oarsub, oarstat, oardel and $OAR_NODEFILE work, oarsh does not; from node to node it is plain ssh.
# shellcheck disable=SC2317  # functions are sent to hosts by their names
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${BOX_DIR:-$here/run}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/daft-box/oar

die() { echo "oar-up.sh: $*" >&2; exit 1; }

# OAR, and what of its needs is not installed here. Newer versions of what is installed are none of its needs, though
# apt would have them. The cache is there only if it is complete.
fetch() {
    local wanted
    [ ! -e "$cache" ] || return 0
    mapfile -t wanted < <(apt-get install -s --no-install-recommends oar-server oar-server-pgsql oar-node oar-user \
        oar-user-pgsql 2>/dev/null | awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }')
    [ ${#wanted[@]} -gt 0 ] || die "apt-get knows no package oar-server: update its lists, with Debian's main archive"
    rm -rf "$cache.new"
    mkdir -p "$cache.new"
    (cd "$cache.new" && apt-get download -qq "${wanted[@]}" 2>errors) || die "$(cat "$cache.new/errors")"
    mv -T "$cache.new" "$cache"
}

# --- what is done on a host, as root

# The packages come in as an archive: a host need not see what is new on the machine. Dependencies are forced for the
# sake of versions alone, but then dpkg keeps no order: the group of OAR comes with oar-common.
install_packages() {
    local how=(--force-unsafe-io --force-depends --no-triggers)
    mkdir /tmp/oar
    tar -C /tmp/oar -xf -
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    export DEBIAN_FRONTEND=noninteractive
    dpkg "${how[@]}" --unpack /tmp/oar/*.deb
    dpkg "${how[@]}" --configure oar-common
    dpkg "${how[@]}" --configure -a
    rm -r /tmp/oar
}

start_database() {
    local versions=(/usr/lib/postgresql/*)
    local version=${versions[-1]##*/}
    mkdir -p /run/postgresql
    chown postgres: /run/postgresql
    pg_createcluster -p 5432 -d /scratch/oar-database "$version" oar -- --no-sync
    pg_ctlcluster -o '-c fsync=off' "$version" oar start
}

configure_server() {
    sed -i "s/^SERVER_HOSTNAME=.*/SERVER_HOSTNAME=\"$(hostname)\"/
        s/^\(DB_BASE_PASSWD\w*\)=.*/\1=\"oar\"/
        s/^JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD/#&/
        s/^SCHEDULER_JOB_SECURITY_TIME=.*/SCHEDULER_JOB_SECURITY_TIME=\"2\"/" /etc/oar/oar.conf
    # Else a job may wait ten seconds for the scheduler to look again.
    echo 'SCHEDULER_MIN_TIME_BETWEEN_2_CALLS="0"' >>/etc/oar/oar.conf
    oar-database --create --db-is-local
}

# A node has an sshd for OAR alone; the keys for it, which are the server's, come in as an archive.
start_node() {
    rm -rf /var/lib/oar/.ssh /etc/oar/oar_ssh_host_*
    tar -C /var/lib/oar -xf -
    cp /etc/ssh/box_host_key /etc/oar/oar_ssh_host_rsa_key
    /etc/init.d/oar-node start
}

start_server() {
    /etc/init.d/oar-server start
    oarproperty -c -a host
    for node; do oarnodesetting -a -h "$node" -p host="$node"; done
}

# --- which hosts do what

# on HOST FUNCTION ARG…: what it says is shown only where it fails.
on() {
    local host=$1 log=$dir/oar-$1-$2.log
    shift
    "$here/box.sh" exec "$host" bash -euc "$(declare -f "$1"); \"\$@\"" - "$@" >"$log" 2>&1 && return
    tail -n 20 "$log" >&2
    die "$1 failed on host $host"
}

install_on() {
    local host=$1
    shift
    (cd "$cache" && tar -cf - "$@") | on "$host" install_packages
}

wait_for() { for process; do wait "$process" || exit 1; done; }

fetch
[ "${1:-}" != fetch ] || exit 0
[ -d /usr/lib/postgresql ] || die "there is no PostgreSQL: apt-get install postgresql"
mapfile -t nodes < <("$here/box.sh" hosts 1)
processes=()
on 0 start_database </dev/null &
processes+=($!)
(cd "$cache" && install_on 0 ./*.deb) &
processes+=($!)
for i in "${!nodes[@]}"; do
    (cd "$cache" && install_on $((i + 1)) libdbi-perl_*.deb liboar-perl_*.deb oar-common_*.deb oar-node_*.deb) &
    processes+=($!)
done
wait_for "${processes[@]}"
on 0 configure_server </dev/null
"$here/box.sh" exec 0 tar -C /var/lib/oar -cf - .ssh >"$dir/keys/oar.tar"
for i in "${!nodes[@]}"; do on $((i + 1)) start_node <"$dir/keys/oar.tar"; done
on 0 start_server "${nodes[@]}" </dev/null
for _ in $(seq 60); do
    [ "$("$here/box.sh" exec 0 oarnodes -s | grep -c ': Alive$')" = ${#nodes[@]} ] && exit 0
    sleep 0.5
done
"$here/box.sh" exec 0 oarnodes -s >&2
die "not all nodes are alive"
