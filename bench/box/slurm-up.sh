#!/usr/bin/env bash
# slurm-up.sh [CPUS]: a real Slurm on the box: munged and slurmd on every host, slurmctld on n0; each host counts CPUS
# processors (1). Run after `box.sh up`, with its BOX_DIR; it ends with the box. No cgroups, no database.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
dir=${BOX_DIR:-$here/run}
# shellcheck disable=SC1091
. "$dir/env"
prefix=${BOX_NAME:-n}
processors=${1:-1}

write_configuration() {
    cat >"$dir/keys/slurm.conf" <<TEXT
ClusterName=box
SlurmctldHost=${prefix}0
AuthType=auth/munge
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,sched_interval=1
StateSaveLocation=/var/spool/slurmctld
SlurmdSpoolDir=/var/spool/slurmd
SlurmctldPidFile=/run/slurmctld.pid
SlurmdPidFile=/run/slurmd.pid
SlurmctldLogFile=/var/log/slurmctld.log
SlurmdLogFile=/var/log/slurmd.log
SlurmdParameters=config_overrides
ReturnToService=2
SlurmdTimeout=30
InactiveLimit=0
KillWait=10
MessageTimeout=30
NodeName=${prefix}[0-$((N - 1))] CPUs=$processors RealMemory=1000 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
TEXT
}

# slurmd 22.05 loads a cgroup plugin even if unused, and does not find one by itself under a bare /sys.
start_on_host() {
    "$here/box.sh" exec "$1" bash -c "
        set -e
        mkdir -p /etc/slurm /etc/munge /run/munge /var/log/munge /var/lib/munge /var/spool/slurmd /var/spool/slurmctld
        cat >/etc/munge/munge.key
        chmod 600 /etc/munge/munge.key
        chown -R root:root /etc/munge /var/log/munge /var/lib/munge /run/munge
        chmod 755 /run/munge
        chmod 700 /etc/munge /var/log/munge /var/lib/munge
        echo CgroupPlugin=cgroup/v1 >/etc/slurm/cgroup.conf
        setsid munged --num-threads=2 </dev/null >/tmp/munged.log 2>&1" <"$dir/keys/munge.key"
    "$here/box.sh" exec "$1" bash -c "
        cat >/etc/slurm/slurm.conf
        [ $1 = 0 ] && setsid slurmctld -c </dev/null >/tmp/slurmctld.log 2>&1
        setsid slurmd </dev/null >/tmp/slurmd.log 2>&1" <"$dir/keys/slurm.conf"
}

(umask 077; head -c 1024 /dev/urandom >"$dir/keys/munge.key")
write_configuration
for i in $(seq 0 $((N - 1))); do start_on_host "$i"; done
for _ in $(seq 60); do
    [ "$("$here/box.sh" exec 0 sinfo -h -t idle -o %D 2>/dev/null)" = "$N" ] && exit 0
    sleep 0.5
done
"$here/box.sh" exec 0 sinfo >&2
"$here/box.sh" exec 0 tail -5 /var/log/slurmctld.log >&2
exit 1
