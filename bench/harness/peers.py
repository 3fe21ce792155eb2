"""What a user would pick instead of daft, as lines of shell on the host that has the files.

Each line may use $HOSTS (a file of receivers, one a line), $RECEIVERS (their names in a row), $COUNT, $SOURCE (a file,
or a directory), $TARGET (where it is to be on each receiver, in a directory that is there) and $KBITS, the link's rate
as its maker calls it. What a peer needs to be running is started before, once a box, and is not timed.
"""

import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    name: str
    # Programs without which it cannot be run here.
    needs: tuple
    file: str
    tree: str = ""
    # What has to be up, a function of the box and the number of receivers.
    setup: object = None
    # Its source sends everything to each receiver itself: its time grows with their number, and it gets smaller files.
    is_star: bool = True
    note: str = ""

    @property
    def missing(self):
        """Why it cannot be run at all; empty where it can."""
        return ", ".join(f"no {program} here" for program in self.needs if not shutil.which(program))


def each_at_once(command):
    return f'for h in $RECEIVERS; do ( {command} ) & done; for p in $(jobs -p); do wait $p || exit 1; done'


def start_slurm(box, _):
    box.script_file("slurm-up.sh")


def in_allocation(command):
    """Inside an allocation of all hosts but the source; the time in it is marked as daft's commands are."""
    return ('salloc -Q -N $COUNT -w $(paste -sd, $HOSTS) bash -c \'echo $EPOCHREALTIME >$MARKS; '
            + command + '; s=$?; echo $EPOCHREALTIME >>$MARKS; exit $s\'')


GANESHA = """
NFS_CORE_PARAM { Protocols = 4; NFS_Port = 2049; Enable_UDP = false; Enable_NLM = false; Enable_RQUOTA = false;
  mount_path_pseudo = true; }
NFSV4 { Graceless = true; RecoveryBackend = fs; }
EXPORT { Export_Id = 1; Path = /scratch; Pseudo = /scratch; Access_Type = RO; Squash = None; SecType = sys;
  Protocols = 4; Transports = TCP; FSAL { Name = VFS; } CLIENT { Clients = *; } }
"""


def start_nfs(box, _):
    box.run(0, "mkdir -p /var/run/ganesha /var/lib/nfs/ganesha /run/rpcbind\n"
               f"cat >/etc/ganesha.conf <<'X'\n{GANESHA}X\n"
               "pgrep -x rpcbind >/dev/null || rpcbind || true; "
               "ganesha.nfsd -f /etc/ganesha.conf -L /tmp/ganesha.log -p /run/ganesha.pid; "
               "for _ in $(seq 100); do : 2>/dev/null </dev/tcp/n0/2049 && exit; sleep 0.1; done; "
               "tail -5 /tmp/ganesha.log; exit 1")


def start_uftpd(box, receivers):
    box.on_all("mkdir -p /scratch/in /scratch/uftp; "
               "uftpd -I eth0 -D /scratch/in -T /scratch/uftp -L /tmp/uftpd.log -P /run/uftpd.pid -B 4194304",
               range(1, receivers + 1))


RSYNC = "rsync -aW -e ssh $SOURCE{slash} $h:$TARGET{slash}"
SCP = "scp -q -r $SOURCE $h:$TARGET"
UNTAR = '"mkdir -p $TARGET && tar -xf - -C $TARGET"'
NFS_COPY = "ssh $h nfs-cp nfs://n0$SOURCE?version=4 $TARGET >/dev/null"
UDP = "--interface eth0 --nokbd --no-progress"


def udpcast(send, receive):
    receivers = f'for h in $RECEIVERS; do ssh $h "{receive}" >/dev/null 2>&1 & done'
    sender = f"{send} --min-receivers $COUNT --max-bitrate $((KBITS * 94 / 100))k >/dev/null 2>&1"
    return (f"{receivers}; {sender} || exit 1; "
            "for p in $(jobs -p); do wait $p || exit 1; done")


PEERS = [
    Peer("TakTuk, a chain", ("taktuk",), "taktuk -s -d 1 -f $HOSTS broadcast put [ $SOURCE ] [ $TARGET ]",
         "taktuk -s -d 1 -f $HOSTS broadcast put [ $SOURCE ] [ $TARGET ]", is_star=False),
    Peer("TakTuk, as it comes", ("taktuk",), "taktuk -s -f $HOSTS broadcast put [ $SOURCE ] [ $TARGET ]"),
    Peer("kanif", ("kaput",), "kaput -M $HOSTS $SOURCE ${TARGET%/*}/"),
    Peer("Slurm's sbcast", ("sbcast", "salloc", "slurmd", "munged"), in_allocation("sbcast -F 2 -f $SOURCE $TARGET"),
         setup=start_slurm),
    Peer("UFTP, multicast", ("uftp", "uftpd"),
         "uftp -q -I eth0 -R $((KBITS * 94 / 100)) -B 4194304 $SOURCE >/dev/null", setup=start_uftpd, is_star=False,
         note="needs multicast, and to be told the rate"),
    Peer("udpcast, multicast", ("udp-sender", "udp-receiver"),
         udpcast(f"udp-sender {UDP} --file $SOURCE", f"udp-receiver {UDP} --file $TARGET"),
         udpcast(f'udp-sender {UDP} --pipe "tar -cf - -C $SOURCE ."',
                 f"mkdir -p $TARGET; udp-receiver {UDP} --pipe 'tar -xf - -C $TARGET'"),
         is_star=False, note="needs multicast, and to be told the rate"),
    Peer("rsync in a loop", ("rsync",), f"for h in $RECEIVERS; do {RSYNC.format(slash='')} || exit 1; done"),
    Peer("rsync in parallel", ("rsync",), each_at_once(RSYNC.format(slash="")), each_at_once(RSYNC.format(slash="/"))),
    Peer("scp in parallel", ("scp",), each_at_once(SCP)),
    Peer("tar through ssh in parallel", ("tar",), "", each_at_once(f"tar -cf - -C $SOURCE . | ssh $h {UNTAR}")),
    Peer("NFS (ganesha, libnfs)", ("ganesha.nfsd", "nfs-cp"), each_at_once(NFS_COPY), setup=start_nfs),
]


def prepare(box, receivers, peers):
    """Starts what the peers need; gives back those that can run, and the reasons why others cannot."""
    ready, absent = [], {}
    for peer in peers:
        if peer.missing:
            absent[peer.name] = peer.missing
            continue
        try:
            if peer.setup:
                peer.setup(box, receivers)
            ready.append(peer)
        except (RuntimeError, subprocess.SubprocessError) as error:
            absent[peer.name] = f"did not start: {str(error)[-200:]}"
    return ready, absent
