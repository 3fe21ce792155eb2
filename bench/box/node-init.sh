#!/usr/bin/env bash
# The init process of a host of the box, started by box.sh in new namespaces.
set -e
mount --make-rprivate /
root=$BOX_HOME/root

lay_out_root() {
    mount -t overlay "$BOX_HOST" -o "lowerdir=/,upperdir=$BOX_HOME/up,workdir=$BOX_HOME/work" "$root"
    mount -t proc proc "$root/proc"
    mount -t sysfs sysfs "$root/sys"
    mount --rbind /dev "$root/dev"
    umount "$root/dev/shm" 2>/dev/null || true
    mkdir -p "$root/dev/shm"
    mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$root/dev/pts" 2>/dev/null || true
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    mount -t tmpfs -o mode=755 tmpfs "$root/run"
    mkdir -p "$root/scratch"
    if [ "$BOX_SCRATCH" = tmpfs ]; then
        mount -t tmpfs tmpfs "$root/scratch"
    else
        mount --bind "$BOX_HOME/scratch" "$root/scratch"
    fi
    for shared in $BOX_BIND; do
        mkdir -p "$root$shared"
        mount --bind "$shared" "$root$shared"
    done
}

# Root can log in from every host to every host without a password.
set_up_ssh() {
    mkdir -p "$root/run/sshd" "$root/root/.ssh" "$root/etc/ssh"
    rm -f "$root"/root/.ssh/*
    cp "$BOX_KEYS/id" "$root/root/.ssh/id_ed25519"
    cp "$BOX_KEYS/id.pub" "$root/root/.ssh/authorized_keys"
    cp "$BOX_KEYS/known_hosts" "$root/root/.ssh/known_hosts"
    cp "$BOX_KEYS/host" "$root/etc/ssh/box_host_key"
    chmod 700 "$root/root/.ssh"
    chmod 600 "$root"/root/.ssh/* "$root/etc/ssh/box_host_key"
    printf 'Host *\n  BatchMode yes\n  LogLevel ERROR\n' >"$root/root/.ssh/config"
    cat >"$root/etc/ssh/box_sshd_config" <<'TEXT'
Port 22
HostKey /etc/ssh/box_host_key
PidFile /run/sshd.pid
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 500
MaxSessions 500
UseDNS no
AcceptEnv *
StrictModes no
Subsystem sftp /usr/lib/openssh/sftp-server
TEXT
}

enter_root() {
    cd "$root"
    mkdir -p mnt/.old
    pivot_root . mnt/.old
    cd /
    umount -l /mnt/.old
    rmdir /mnt/.old 2>/dev/null || true
}

lay_out_root
hostname "$BOX_HOST"
echo "$BOX_HOST" >"$root/etc/hostname"
cat "$BOX_KEYS/hosts" >"$root/etc/hosts"
set_up_ssh
enter_root
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true
ulimit -l unlimited 2>/dev/null || true
env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    /usr/sbin/sshd -f /etc/ssh/box_sshd_config
# Pids should differ between hosts: some programs (libnfs's client) assume that pid and time are globally unique.
echo $((1000 + 1000 * BOX_I)) >/proc/sys/kernel/ns_last_pid 2>/dev/null || true
touch /run/box-ready
set +e
# While it waits, bash reaps orphans.
while :; do
    sleep 3600 &
    wait $!
done
