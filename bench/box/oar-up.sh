#!/usr/bin/env bash
# A real OAR 2.5 on the box: server and PostgreSQL on n0, where jobs are submitted; the other hosts are nodes of one
# core each. Run after `box.sh up`, with its BOX_DIR; it ends with the box. `oar-up.sh fetch` only downloads Debian's
# packages into a persistent cache.
#
# The packages are installed in the hosts' private roots, so the machine does not change; it must have PostgreSQL. OAR
# refuses jobs of root: all hosts need another account. There are no cpusets, as at sites that omit them: oarsub,
# oarstat, oardel and $OAR_NODEFILE work, oarsh does not; use plain ssh between nodes.
# shellcheck disable=SC2317  # functions are sent to hosts by their names
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${BOX_DIR:-$here/run}
cache=${XDG_CACHE_HOME:-$HOME/.cache}/daft-box/oar

die() { echo "oar-up.sh: $*" >&2; exit 1; }

# OAR and its missing dependencies. Installed packages are not upgraded, even if apt has newer versions. The cache
# exists only if it is complete.
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

# --- run on a host as root

# Packages are passed as an archive: a host may not see new files of the machine. Dependencies are forced because of
# versions, but then dpkg ignores their order: OAR's group comes with oar-common.
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
    # Otherwise a job may wait ten seconds for the scheduler's next round.
    echo 'SCHEDULER_MIN_TIME_BETWEEN_2_CALLS="0"' >>/etc/oar/oar.conf
    oar-database --create --db-is-local
}

# The server's files of the packages are passed as an archive, which unpacks at once. It contains the keys of the nodes'
# sshd for OAR.
start_node() {
    tar -C / -xf -
    rm -f /etc/oar/oar_ssh_host_*
    cp /etc/ssh/box_host_key /etc/oar/oar_ssh_host_rsa_key
    /etc/init.d/oar-node start
}

start_server() {
    /etc/init.d/oar-server start
    oarproperty -c -a host
    for node; do oarnodesetting -a -h "$node" -p host="$node"; done
}

# --- roles of the hosts

# on HOST FUNCTION ARG…: prints its output only if it fails.
on() {
    local host=$1 log=$dir/oar-$1-$2.log
    shift
    "$here/box.sh" exec "$host" bash -euc "$(declare -f "$1"); \"\$@\"" - "$@" >"$log" 2>&1 && return
    tail -n 20 "$log" >&2
    die "$1 failed on host $host"
}

fetch
[ "${1:-}" != fetch ] || exit 0
[ -d /usr/lib/postgresql ] || die "there is no PostgreSQL: apt-get install postgresql"
mapfile -t hosts < <("$here/box.sh" hosts)
on 0 start_database </dev/null &
tar -C "$cache" -cf - . | on 0 install_packages
wait $! || exit 1
# Archives the upper layer of the server's root: everything that differs from the machine.
tar -C "$dir/${hosts[0]}/up" -cf "$dir/keys/oar.tar" etc/{passwd,shadow,group,oar,init.d,default} usr var/lib/oar
on 0 configure_server </dev/null
for i in $(seq $((${#hosts[@]} - 1))); do on "$i" start_node <"$dir/keys/oar.tar"; done
nodes=("${hosts[@]:1}")
on 0 start_server "${nodes[@]}" </dev/null
for _ in $(seq 60); do
    [ "$("$here/box.sh" exec 0 oarnodes -s | grep -c ': Alive$')" = ${#nodes[@]} ] && exit 0
    sleep 0.5
done
"$here/box.sh" exec 0 oarnodes -s >&2
die "not all nodes are alive"
