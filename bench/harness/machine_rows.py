"""Rows of the broadcast's benchmark where this machine is the limit and no link: memory to memory, and what a receiver
costs the processors.
"""

import os
import re
import shutil
import statistics
import subprocess
import tempfile
import time

from harness.box import Box
from harness.contest import SOURCE, Contest
from harness.daft import AS_ROOT, STORE, LocalJob, build_peer, make_file, mpirun_here, remove, serving_in_box
from harness.machine import Busy, process_seconds, wait_until_quiet
from harness.record import Takes, plain


def unshaped(results, plan, receivers, mebibytes):
    """All ranks on this machine, links as fast as memory, stores in memory; beside MPI_Bcast without verification, and
    MPI_Ibcast with the hashing and writing that daft does: the limit."""
    place = tempfile.mkdtemp(prefix="daft-bench-unshaped.", dir="/dev/shm")
    try:
        job, source = LocalJob(place, receivers + 2), f"{place}/source"
        with open(source, "wb") as file:
            for _ in range(mebibytes // 64):
                file.write(os.urandom(64 << 20))
        ours, published, bare, verified = Takes(), Takes(), Takes(), Takes()
        peers = [(bare, build_peer(place, "plain_bcast")), (verified, build_peer(place, "verified_bcast"))]
        for _ in range(plan.repeats):
            for takes, peer in peers:
                wait_until_quiet()
                words = [*mpirun_here(receivers + 1), peer, source, f"{place}/copy"]
                with Busy() as busy:
                    done = subprocess.run(
                        words, check=True, capture_output=True, text=True, env={**os.environ, **AS_ROOT})
                takes.add(float(done.stdout.split()[0]), busy.percent)
                for rank in range(1, receivers + 1):
                    os.remove(f"{place}/copy.{rank}")
            for takes, lines in ((ours, [("it", f"bcast {source}")]),
                                 (published, [f"put {source}", ("it", "bcast /source")])):
                measured = job.timed(lines)
                takes.add(measured["it"], measured["busy"])
                for rank in range(1, receivers + 1):
                    subprocess.run(["cmp", source, f"{place}/store.{rank}/source"], check=True)
                job.clear()
        size = mebibytes << 20
        head = f"{mebibytes:,} MiB to {receivers} receivers on this machine, stores in memory"
        first_goal, ratio_goal = (700, None) if receivers == 2 else (None, 1.3)
        plain(results, f"{head}: daft, of a path", "MB/s to each", size / ours.median / 1e6,
              at_least=first_goal, seconds=ours)
        plain(results, f"{head}: daft, of a name", "MB/s to each",
              size / published.median / 1e6, seconds=published)
        plain(results, f"{head}: MPI_Bcast of 1 MiB blocks, not verified", "MB/s to each", size / bare.median / 1e6,
              seconds=bare)
        plain(results, f"{head}: daft's time (of a path) / MPI_Bcast's", "×", ours.median / bare.median,
              at_most=ratio_goal)
        plain(results, f"{head}: MPI_Ibcast, hashed and written by two threads", "MB/s to each",
              size / verified.median / 1e6, seconds=verified)
        plain(results, f"{head}: daft's time (of a path) / that one's", "×", ours.median / verified.median,
              at_most=1.1)
    finally:
        remove(place)
        shutil.rmtree(place, ignore_errors=True)


def processor_time(results, plan, hosts, rate):
    """What a receiver's processors do for a gigabyte, and where, as far as `perf` is here to look."""
    with Box(hosts + 1, rate) as box:
        game = Contest(results, box, hosts, rate)
        make_file(box, 0, f"{SOURCE}/file", plan.megabytes)
        with serving_in_box(game.job):
            pids = {host: process_of(box, host, "daft-run") for host in game.hosts}
            profile = start_profile(pids[1], box.shared)
            before = {host: process_seconds(pid) for host, pid in pids.items()}
            with Busy() as busy:
                begin = time.monotonic()
                box.run(0, game.job.client("bcast", f"{SOURCE}/file"))
                seconds = time.monotonic() - begin
            used = {host: process_seconds(pid) - before[host] for host, pid in pids.items()}
            top = end_profile(profile, box.shared)
        game.verify(f"{SOURCE}/file", f"{STORE}/file")
    gigabytes = plan.megabytes / 1000
    forwarding = statistics.mean(value for host, value in used.items() if host != hosts) / gigabytes
    what = f"processor time of a receiver for 1 GB, {hosts} hosts at {rate}"
    plain(results, f"{what}: one that also passes it on", "s", forwarding, note=top)
    plain(results, f"{what}: the last of the chain", "s", used[hosts] / gigabytes,
          note=f"{seconds:.1f} s in all, processors busy {busy.percent} %")


def process_of(box, host, name):
    """The process on a host whose name begins so, as this machine numbers it."""
    space = os.readlink(f"/proc/{box.pids[host]}/ns/pid")
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.readlink(f"/proc/{entry}/ns/pid") == space:
                if open(f"/proc/{entry}/comm").read().startswith(name):
                    return int(entry)
        except OSError:
            continue
    raise RuntimeError(f"no {name} on n{host}")


def start_profile(pid, place):
    if not shutil.which("perf"):
        return None
    return subprocess.Popen(["perf", "record", "-q", "-F", "499", "-p", str(pid), "-o", f"{place}/perf.data"],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def end_profile(profile, place):
    """The five functions where most samples fell."""
    if profile is None:
        return "no profile: there is no perf here"
    profile.send_signal(2)
    profile.wait()
    report = subprocess.run(["perf", "report", "-i", f"{place}/perf.data", "--stdio", "--sort", "symbol", "-q"],
                            capture_output=True, text=True).stdout
    found = re.findall(r"^\s*(\d+\.\d+%)\s+\[.\]\s+(\S.*?)(?:\s{2,}|$)", report, re.MULTILINE)
    return "; ".join(f"{share} {name[:60]}" for share, name in found[:5]) or "perf took no samples"
