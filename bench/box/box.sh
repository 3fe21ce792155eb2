#!/usr/bin/env bash
# A cluster in a box: N hosts on one Linux kernel, each with its own address, link of a given rate, disk and sshd.
#
#   box.sh up N [RATE]      make hosts n0 … n(N-1), RATE per link and direction (400mbit; 0 = no limit)
#   box.sh down             end them all and remove everything they wrote
#   box.sh exec I CMD…      run CMD on nI, with its exit status; `exec all CMD…` on each in turn
#   box.sh hosts [FROM]     names of the hosts from FROM (0) on, one a line
#   box.sh status           what is up
#   box.sh rate I RATE      change one host's link, both directions: a slow node
#   box.sh starve I RATE    change what comes to one host alone: a peer that hardly reads (undone by `rate`)
#   box.sh cut I | heal I   take the switch's port of nI down and up: a pulled cable, no FIN and no RST
#   box.sh kill I           power nI off: its link is cut, then all its processes get SIGKILL
#   box.sh boot I           start a killed nI again; its disk is as it was
#   box.sh freeze I|thaw I  stop and continue every process of nI: a host that hangs, whose TCP still answers
#   box.sh stat             bytes sent and received by each host, counted at the switch's ports
#
# A host has separate namespaces for network, mounts, processes, host name and IPC. Its eth0 (10.77.0.(10+I)) is
# connected to a bridge in another network namespace, the switch: the machine's own network is not affected, and when
# the processes end all interfaces disappear. A link is shaped at both ends, for sent and received traffic, so it is
# full duplex like a switch port. The root is an overlay over the machine's, so that /etc, /var and /root are writable
# but private; /tmp, /run and /dev/shm are private memory; /scratch is private.
#
# Variables read at `up` and kept until `down`: BOX_DIR, the box's directory (default: beside this file);
# BOX_SCRATCH=disk|tmpfs; BOX_BIND="DIR DIR", directories shared unchanged by all hosts (required for whatever changes
# while the box is up, since the lower side of an overlay may be cached); BOX_BURST and BOX_QUEUE, bytes (256k, 1m);
# BOX_MTU (1500); BOX_CC, TCP's congestion control (cubic); BOX_SNOOP=0|1, IGMP snooping (0); BOX_NAME, the prefix of
# host names (n); BOX_NET (10.77.0).
# Needs root, iproute2, util-linux and openssh-server, but no docker, systemd, iptables or netem.
set -u
here=$(cd "$(dirname "$0")" && pwd)
dir=${BOX_DIR:-$here/run}
# shellcheck disable=SC1091
[ -f "$dir/env" ] && . "$dir/env"
prefix=${BOX_NAME:-n}
net=${BOX_NET:-10.77.0}

die() { echo "box.sh: $*" >&2; exit 1; }
address() { echo "$net.$((10 + $1))"; }
hardware_address() { printf '02:00:00:00:00:%02x' $(($1 + 1)); }
all_hosts() { seq 0 $((N - 1)); }
pid_of() { cat "$dir/$prefix$1/pid" 2>/dev/null || die "no host $prefix$1"; }
in_switch() { nsenter -t "$(cat "$dir/switch.pid")" -n "$@"; }

in_host() {
    local pid
    pid=$(pid_of "$1") || exit 1
    shift
    nsenter -t "$pid" -n -m -u -i -p -r -w "$@"
}

# shape DEVICE RATE BURST QUEUE: limits what the device sends. Runs inside namespaces.
shape() {
    tc qdisc del dev "$1" root 2>/dev/null
    [ "$2" = 0 ] || tc qdisc add dev "$1" root tbf rate "$2" burst "$3" limit "$4"
}

set_rate() {
    local how="$2 ${BOX_BURST:-256k} ${BOX_QUEUE:-1m}"
    echo "$2" >"$dir/$prefix$1/rate"
    nsenter -t "$(pid_of "$1")" -n bash -c "$(declare -f shape); shape eth0 $how"
    in_switch bash -c "$(declare -f shape); shape p$1 $how"
}

# If the host does not come up, fails with its log.
start_host() {
    local i=$1 home=$dir/$prefix$1 parent child=
    mkdir -p "$home"/{up,work,root,scratch}
    BOX_I=$i BOX_HOME=$home BOX_HOST=$prefix$i BOX_KEYS=$dir/keys BOX_BIND="${BOX_BIND:-}" \
        BOX_SCRATCH=${BOX_SCRATCH:-disk} \
        setsid unshare -n -m -u -i -p --fork --kill-child --propagation private \
        bash "$here/node-init.sh" </dev/null >"$home/log" 2>&1 &
    parent=$!
    for _ in $(seq 400); do
        read -r child _ <"/proc/$parent/task/$parent/children" 2>/dev/null
        [ -n "$child" ] && [ -e "/proc/$child/root/run/box-ready" ] && break
        kill -0 $parent 2>/dev/null || { cat "$home/log" >&2; die "$prefix$i did not start"; }
        sleep 0.02
    done
    echo "$child" >"$home/pid"
}

# Neighbour entries are static: the kernel's ARP table holds 1,024 entries for all namespaces together, which many hosts
# would fill; permanent entries do not count. Routes also set the congestion control: the machine's default may be BBR,
# which underestimates bandwidth here, where a lone packet takes microseconds but acknowledgements queue behind data.
connect_host() {
    local i=$1 pid
    pid=$(pid_of "$i")
    in_switch ip link del "p$i" 2>/dev/null
    in_switch ip link add "p$i" mtu "${BOX_MTU:-1500}" type veth peer name eth0 mtu "${BOX_MTU:-1500}" netns "$pid" ||
        die "no link for $prefix$i"
    in_switch ip link set "p$i" master br0 up
    {
        echo "link set lo up"
        echo "link set eth0 address $(hardware_address "$i") up"
        echo "addr add $(address "$i")/24 brd + dev eth0"
        echo "route change $net.0/24 dev eth0 proto kernel scope link src $(address "$i") congctl ${BOX_CC:-cubic}"
        echo "route add default dev eth0"
        for j in $(all_hosts); do
            [ "$j" = "$i" ] && continue
            echo "neigh replace $(address "$j") lladdr $(hardware_address "$j") dev eth0 nud permanent"
        done
    } | nsenter -t "$pid" -n ip -batch - || die "no address for $prefix$i"
    set_rate "$i" "$(cat "$dir/$prefix$i/rate" 2>/dev/null || echo "$RATE")"
}

boot() { start_host "$1" && connect_host "$1"; }

# A host's init was started with --kill-child, so its end ends all processes of its namespace.
halt() {
    local pid
    pid=$(cat "$dir/$prefix$1/pid" 2>/dev/null) || return 0
    kill -KILL "$pid" 2>/dev/null
    for _ in $(seq 100); do [ -e "/proc/$pid" ] || break; sleep 0.02; done
}

# Every process of a host except its init.
processes() {
    local first space entry
    first=$(pid_of "$1")
    space=$(readlink "/proc/$first/ns/pid")
    for entry in /proc/[0-9]*; do
        [ "$entry" != "/proc/$first" ] || continue
        [ "$(readlink "$entry/ns/pid" 2>/dev/null)" = "$space" ] && echo "${entry#/proc/}"
    done
}

make_keys() {
    mkdir -p "$dir/keys"
    for key in host id; do ssh-keygen -q -t ed25519 -N '' -C "box-$key" -f "$dir/keys/$key"; done
    echo "127.0.0.1 localhost" >"$dir/keys/hosts"
    for i in $(all_hosts); do
        echo "$(address "$i") $prefix$i" >>"$dir/keys/hosts"
        echo "$prefix$i,$(address "$i") $(cut -d ' ' -f 1,2 "$dir/keys/host.pub")" >>"$dir/keys/known_hosts"
    done
}

start_switch() {
    setsid unshare -n sleep infinity </dev/null >/dev/null 2>&1 &
    echo $! >"$dir/switch.pid"
    for _ in $(seq 100); do
        [ "$(readlink /proc/$!/ns/net)" != "$(readlink /proc/self/ns/net)" ] && break
        sleep 0.02
    done
    in_switch ip link add br0 type bridge mcast_snooping "${BOX_SNOOP:-0}" mcast_querier "${BOX_SNOOP:-0}" \
        forward_delay 0
    in_switch ip link set br0 up
    in_switch sysctl -qw net.bridge.bridge-nf-call-iptables=0 2>/dev/null
}

up() {
    N=${1:?how many hosts} RATE=${2:-400mbit}
    [ "$(id -u)" = 0 ] || die "a box needs root"
    [ -e "$dir/env" ] && die "already up in $dir (box.sh down first)"
    mkdir -p "$dir"
    {
        for v in "${!BOX_@}"; do [ "$v" = BOX_DIR ] || printf '%s=%q\n' "$v" "${!v}"; done
        echo "N=$N RATE=$RATE"
    } >"$dir/env"
    make_keys
    start_switch
    for i in $(all_hosts); do boot "$i"; done
    for i in $(all_hosts); do
        for _ in $(seq 100); do in_host "$i" bash -c ': </dev/tcp/127.0.0.1/22' 2>/dev/null && break; sleep 0.05; done
    done
}

down() {
    [ -e "$dir/env" ] || return 0
    for i in $(all_hosts); do halt "$i"; done
    kill -KILL "$(cat "$dir/switch.pid" 2>/dev/null)" 2>/dev/null
    rm -rf --one-file-system "$dir"
}

exec_on() {
    local i=$1 status=0
    shift
    [ "$i" = all ] || { in_host "$i" "$@"; return; }
    for i in $(all_hosts); do in_host "$i" "$@" || status=$?; done
    return $status
}

status() {
    local pid state
    [ -e "$dir/env" ] || { echo down; return 1; }
    for i in $(all_hosts); do
        pid=$(pid_of "$i")
        state=$([ -e "/proc/$pid" ] && echo up || echo dead)
        echo "$prefix$i $(address "$i") pid $pid rate $(cat "$dir/$prefix$i/rate") $state"
    done
}

# Bytes received by a port were sent by its host.
count_bytes() {
    for i in $(all_hosts); do
        in_switch awk -v port="p$i:" -v host="$prefix$i" \
            '$1 == port { print host, "sent", $2, "received", $10, "dropped", $13 }' /proc/net/dev
    done
}

verb=${1:-help}
[ $# -gt 0 ] && shift
case $verb in
up) up "$@" ;;
down) down ;;
exec) exec_on "$@" ;;
hosts) for i in $(seq "${1:-0}" $((N - 1))); do echo "$prefix$i"; done ;;
status) status ;;
rate) set_rate "$1" "$2" ;;
starve) in_switch bash -c "$(declare -f shape); shape p$1 $2 2k 1m" ;;
cut) in_switch ip link set "p$1" down ;;
heal) in_switch ip link set "p$1" up ;;
kill) in_switch ip link set "p$1" down; halt "$1" ;;
boot) boot "$1" ;;
freeze) processes "$1" | xargs -r kill -STOP ;;
thaw) processes "$1" | xargs -r kill -CONT ;;
stat) count_bytes ;;
*) sed -n '2,27p' "$0"; exit 2 ;;
esac
