"""daft against what a user would pick instead: one thing brought to N hosts of a box by each of them, taking turns.

daft's time runs from the command's start inside the running job to its end, hashing and renames included, and its
whole process, mpirun's start included, stands beside it. The others have no job: their whole process is both, but for
sbcast, which is timed inside its allocation. After each of daft's runs every receiver's bytes are hashed and compared.
"""

import os
import subprocess
import time

from harness import peers
from harness.daft import STORE, BoxJob
from harness.machine import Busy, wait_until_quiet
from harness.record import Takes, goal

SOURCE = "/scratch/source"
IN = "/scratch/in"
HASH_FILE = "openssl dgst -sha256 -r {} | cut -c 1-64"
HASH_TREE = ("cd {} && find . -type f -print0 | sort -z | xargs -0 openssl dgst -sha256 -r | openssl dgst -sha256 -r"
             " | cut -c 1-64")


class Contest:
    """One box, one limit: what iperf3 carries from the source to a receiver."""

    def __init__(self, results, box, receivers, rate):
        self.results, self.box, self.receivers, self.rate = results, box, receivers, rate
        self.hosts = range(1, receivers + 1)
        self.job = BoxJob(box, [(0, 2)] + [(host, 1) for host in self.hosts])
        self.limit = box.payload_rate([0], 1)
        with open(os.path.join(box.shared, "hosts"), "w") as file:
            file.writelines(f"n{host}\n" for host in self.hosts)

    def daft(self, source, takes, whole, is_tree=False):
        """One take of daft's bcast of a path."""
        self.job.clear()
        measured = self.job.timed([("bcast", f"bcast {source}")])
        self.verify(source, f"{STORE}/{os.path.basename(source)}", is_tree)
        self.job.clear()
        takes.add(measured["bcast"], measured["busy"])
        whole.append(round(measured["whole"], 4))

    def verify(self, source, target, is_tree=False):
        verify(self.box, self.hosts, source, target, is_tree)

    def peer(self, peer, source, takes, whole, is_tree=False):
        """One take of something else; that the files came is looked at, by their size."""
        target = f"{IN}/{os.path.basename(source)}"
        self.box.on_all(f"rm -rf {IN}; mkdir -p {IN}", self.hosts)
        marks = os.path.join(self.box.shared, "marks")
        open(marks, "w").close()
        settings = {
            "HOSTS": os.path.join(self.box.shared, "hosts"), "RECEIVERS": " ".join(f"n{host}" for host in self.hosts),
            "COUNT": str(self.receivers), "SOURCE": source, "TARGET": target, "MARKS": marks,
            "KBITS": str(int(self.rate.removesuffix("mbit")) * 1000),
        }
        wait_until_quiet()
        with Busy() as busy:
            begin = time.monotonic()
            self.box.run(0, peer.tree if is_tree else peer.file, env=dict(os.environ, **settings), timeout=400)
            seconds = time.monotonic() - begin
        size = f"du -sb --apparent-size {source} | cut -f 1" if not is_tree else f"find {source} -type f | wc -l"
        wanted = self.box.run(0, size)
        found = set(self.box.on_all(size.replace(source, target), self.hosts))
        self.box.on_all(f"rm -rf {IN}", self.hosts)
        if found != {wanted}:
            raise RuntimeError(f"only {sorted(found)} of {wanted.strip()} came to some host")
        inside = [float(line) for line in open(marks)]
        takes.add(inside[1] - inside[0] if len(inside) == 2 else seconds, busy.percent)
        whole.append(round(seconds, 4))

    def run(self, work, source_of, repeats, at_least, is_tree=False):
        """All of them, taking turns. `source_of(peer)` is a path and its size in MB; for None, daft's."""
        field = [peer for peer in peers.PEERS if (peer.tree if is_tree else peer.file)]
        ready, absent = peers.prepare(self.box, self.receivers, field)
        measured = {peer: (Takes(), []) for peer in [None, *ready]}
        for _ in range(repeats):
            for peer, (takes, whole) in list(measured.items()):
                path, _ = source_of(peer)
                try:
                    if peer is None:
                        self.daft(path, takes, whole, is_tree)
                    else:
                        self.peer(peer, path, takes, whole, is_tree)
                except (RuntimeError, subprocess.SubprocessError) as error:
                    absent[peer.name if peer else "daft"] = f"failed: {error}"[:200]
                    del measured[peer]
        for peer, (takes, whole) in measured.items():
            self.row(work, peer, source_of(peer)[1], takes, whole, at_least)
        for name, reason in absent.items():
            self.results.add(work=work, tool=name, note=reason)

    def row(self, work, peer, megabytes, takes, whole, at_least):
        limit_seconds = megabytes * 1e6 / self.limit
        ratio = limit_seconds / takes.median
        words, met = goal(ratio, at_least=at_least if peer is None else None)
        self.results.add(
            work=work, tool=peer.name if peer else "daft", receivers=self.receivers, rate=self.rate,
            megabytes=megabytes, limit_rate=round(self.limit), limit_seconds=round(limit_seconds, 3),
            median=round(takes.median, 3), ratio=round(ratio, 3),
            whole_ratio=round(limit_seconds / sorted(whole)[len(whole) // 2], 3), goal=words, met=met,
            busy=takes.busy_percent, machine_bound=takes.is_machine_bound, seconds=takes.seconds, spread=takes.spread,
            whole=whole, note=peer.note if peer else "",
        )


def verify(box, hosts, source, target, is_tree=False):
    """An error where a host has not, as `target`, what n0 has as `source`."""
    line = HASH_TREE if is_tree else HASH_FILE
    wanted = box.run(0, line.format(source)).strip()
    found = {output.strip() for output in box.on_all(line.format(target), hosts)}
    if found != {wanted}:
        raise RuntimeError(f"{target} is not everywhere what {source} is")


def make_tree(box, path, files):
    """Files of 1 to 40 KiB, no two alike, two hundred in a directory; their bytes in MB."""
    script = f"""
import os, random
random.seed(7)
total = 0
for k in range({files}):
    folder = "{path}/%03d" % (k // 200)
    os.makedirs(folder, exist_ok=True)
    size = random.randint(1024, 40960)
    total += size
    with open("%s/%05d" % (folder, k), "wb") as file:
        file.write(os.urandom(size))
print(total / 1e6)
"""
    return float(box.run(0, ["python3", "-c", script]))
