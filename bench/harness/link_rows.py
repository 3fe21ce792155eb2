"""Point to point: what get, put and fetch reach of the link, of the disk, and of many asking for one thing at once.

Every row takes turns with what it is held against, in one run; each is a function that adds its rows to the results.
"""

import os
import statistics
import subprocess
import tempfile
import time

from harness.box import Box
from harness.daft import BoxJob, LocalJob, Serving, make_file, program, remove, serving_in_box
from harness.machine import Busy, children, process_seconds, wait_until_quiet
from harness.record import Takes, goal

SOURCE = "/scratch/source"


def add(results, what, takes, measured, against, ratio, at_least=None, at_most=None, note="",
        is_busy_known=True):
    words, met = goal(ratio, at_least, at_most)
    results.add(
        what=what, measured=measured, against=against, ratio=round(ratio, 3), goal=words, met=met,
        busy=takes.busy_percent if is_busy_known else None, machine_bound=takes.is_machine_bound,
        seconds=takes.seconds, spread=takes.spread, note=note,
    )


def shown(rate):
    return f"{rate / 1e6:.1f} MB/s"


def link_with_file(box, slots, size):
    """What the link of host 1 carries, a job on these slots, and a file on that host."""
    limit = box.payload_rate([1], 0)
    job = BoxJob(box, slots)
    make_file(box, 1, f"{SOURCE}/file", size.megabytes)
    return limit, job


def get_from_one(results, size, repeats, rate="400mbit"):
    """A file of one data server, over its link, to a client on another node."""
    with Box(2, rate) as box:
        limit, job = link_with_file(box, [(0, 1), (1, 1)], size)
        job_get = Takes()
        for _ in range(repeats):
            job.clear("/scratch/out")
            # The file goes to the data server of its own node, through a client at the door.
            with serving_in_box(job):
                box.run(1, job.client("put", f"{SOURCE}/file"))
            measured = job.timed([("get", "get /file --to /scratch/out")])
            box.run(0, f"cmp /scratch/out <(ssh n1 cat {SOURCE}/file)")
            job_get.add(measured["get"], measured["busy"])
        reached = size.megabytes * 1e6 / job_get.median
        add(results, f"get of {size.megabytes} MB from one data server, links at {rate}", job_get, shown(reached),
            f"iperf3: {shown(limit)}", reached / limit, at_least=0.95)


def cat_from_one(results, size, repeats, rate="400mbit"):
    """The same file, read by a client of the other node from its beginning to its end."""
    with Box(2, rate) as box:
        limit, job = link_with_file(box, [(0, 2), (1, 1)], size)
        takes = Takes()
        with serving_in_box(job):
            box.run(1, job.client("put", f"{SOURCE}/file"))
            cat = " ".join(job.client("cat", "/file"))
            box.run(0, f"cmp <({cat}) <(ssh n1 cat {SOURCE}/file)")
            for _ in range(repeats):
                with Busy() as busy:
                    begin = time.monotonic()
                    box.run(0, f"{cat} >/dev/null")
                    seconds = time.monotonic() - begin
                takes.add(seconds, busy.percent)
        reached = size.megabytes * 1e6 / takes.median
        add(results, f"cat of {size.megabytes} MB from one data server, links at {rate}", takes, shown(reached),
            f"iperf3: {shown(limit)}", reached / limit, at_least=0.95)


def get_from_four(results, size, repeats):
    """A file cut over four data servers with slow links, to a client whose link carries all of theirs together."""
    with Box(5, "800mbit") as box:
        limit = box.payload_rate([1], 0)
        for host in range(1, 5):
            box.rate(host, "200mbit")
        job = BoxJob(box, [(0, 1)] + [(host, 1) for host in range(1, 5)])
        make_file(box, 0, f"{SOURCE}/file", size.megabytes)
        takes = Takes()
        for _ in range(repeats):
            job.clear("/scratch/out")
            job.run("diffuse", f"{SOURCE}/file")
            measured = job.timed([("get", "get /file --to /scratch/out")])
            box.run(0, f"cmp /scratch/out {SOURCE}/file")
            takes.add(measured["get"], measured["busy"])
        reached = size.megabytes * 1e6 / takes.median
        add(results, f"get of {size.megabytes} MB diffused over 4 data servers at 200mbit, the client at 800mbit",
            takes, shown(reached), f"iperf3: {shown(limit)}", reached / limit, at_least=0.9)


def on_this_machine(results, size, repeats):
    """put and get with two data servers over shared memory, beside cp and sha256sum, on the same disk."""
    place = tempfile.mkdtemp(prefix="daft-bench-link.")
    source = os.path.join(place, "source")
    try:
        subprocess.run(f"head -c {size.megabytes * 10**6} /dev/urandom >{source}", shell=True, check=True)
        puts, gets, copies = Takes(), Takes(), Takes()
        for _ in range(repeats):
            settle()
            with Busy() as busy:
                begin = time.monotonic()
                subprocess.run(f"cp {source} {place}/copy && sha256sum {place}/copy", shell=True, check=True,
                               stdout=subprocess.DEVNULL)
                seconds = time.monotonic() - begin
            copies.add(seconds, busy.percent)
            os.remove(f"{place}/copy")
            for takes, seconds, percent in zip((puts, gets), *put_and_get(place, source)):
                takes.add(seconds, percent)
        for name, takes in (("put", puts), ("get", gets)):
            add(results, f"{name} of {size.megabytes} MB, 2 data servers on this machine's disk, unshaped",
                takes, f"{takes.median:.2f} s", f"cp, then sha256sum: {copies.median:.2f} s",
                takes.median / copies.median, at_most=1.5)
    finally:
        remove(place)


def settle():
    """Nothing waits to be written, and the processors are free."""
    os.sync()
    wait_until_quiet()


def put_and_get(place, source):
    """Seconds of a put and of a get in a job of their own each, timed from inside; and how busy it was."""
    job, out = LocalJob(place, 3), f"{place}/out"
    seconds, percents = [], []
    for line in (f"put {source}", f"get /source --to {out}"):
        settle()
        measured = job.timed([("it", line)])
        seconds.append(measured["it"])
        percents.append(measured["busy"])
    subprocess.run(["cmp", source, out], check=True)
    job.clear()
    os.remove(out)
    return seconds, percents


def many_fetch_one(results, size, repeats, rate="400mbit"):
    """One data server keeps a file; another one fetches it alone; eight fetch one at the same moment."""
    with Box(10, rate) as box:
        job = BoxJob(box, [(0, 1)] + [(host, 1) for host in range(1, 10)])
        file_bytes = size.fetched_mebibytes * 2**20
        for k in range(2 * repeats):
            make_file(box, 1, f"{SOURCE}/{k}", file_bytes / 10**6)
        alone, together, ports = Takes(), Takes(), []
        with serving_in_box(job):
            box.run(1, job.client("put", SOURCE, "--as", "/set"))
            for k in range(repeats):
                fetch_at(job, [2], f"/set/{2 * k}", alone)
                before = box.sent_bytes()[1]
                fetch_at(job, range(2, 10), f"/set/{2 * k + 1}", together)
                ports.append((box.sent_bytes()[1] - before) / file_bytes)
    name = f"8 data servers fetch the same {size.fetched_mebibytes} MiB at once, links at {rate}"
    add(results, f"{name}: the last is done", together, f"{together.median:.2f} s", f"one alone: {alone.median:.2f} s",
        together.median / alone.median, at_most=2.5)
    sent = statistics.median(ports)
    add(results, f"{name}: the first holder sent", together, f"{sent:.2f} × the file", "the file", sent,
        at_most=3)


def fetch_at(job, hosts, name, takes):
    """Every host's client starts at one moment; the time until the last one is done."""
    wait_until_quiet()
    start = time.time() + 0.5
    client = " ".join(job.client("fetch", name))
    line = f"while [[ $EPOCHREALTIME < {start:.6f} ]]; do sleep 0.002; done; {client} >&2 && echo $EPOCHREALTIME"
    with Busy() as busy:
        ends = job.box.on_all(line, hosts)
    takes.add(max(float(end.split()[-1]) for end in ends) - start, busy.percent)


def waiting(results, seconds):
    """A data server that waits, and how soon it answers then."""
    place = tempfile.mkdtemp(prefix="daft-bench-wait.")
    client = [program("daft"), "--store", f"{place}/store"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    job = LocalJob(place, 4)
    try:
        def is_up():
            return subprocess.run([*client, "ls"], **quiet).returncode == 0

        with Serving(job.command(["serve"]), job.environment, is_up, [*client, "quit"]) as serving:
            time.sleep(2)
            ranks = children(serving.process.pid, "daft-run")
            before = [process_seconds(pid) for pid in ranks]
            time.sleep(seconds)
            shares = [100 * (process_seconds(pid) - first) / seconds for pid, first in zip(ranks, before)]
            knocks, starts = Takes(), Takes()
            for _ in range(9):
                time.sleep(2)
                for takes, words in ((knocks, [*client, "ls"]), (starts, [client[0], "--version"])):
                    begin = time.monotonic()
                    subprocess.run(words, check=True, **quiet)
                    takes.add(time.monotonic() - begin, 0)
    finally:
        remove(place)
    results.add(
        what=f"idle `serve`, 4 ranks, {seconds} s: processor time of a data server",
        measured=", ".join(f"{share:.2f}" for share in shares[1:]) + " % of a core",
        against=f"metadata server: {shares[0]:.2f} %", ratio=round(max(shares[1:]), 3), goal="≤ 1",
        met=max(shares) <= 1, busy=None, machine_bound=False, seconds=[seconds], spread="", note="",
    )
    first = 1000 * (knocks.median - starts.median)
    results.add(
        what="`daft ls` after 2 s idle, less the client's start", measured=f"{first:.1f} ms",
        against=f"`daft --version` alone: {1000 * starts.median:.1f} ms", ratio=round(first, 2), goal="≤ 20",
        met=first <= 20, busy=None, machine_bound=False, seconds=knocks.seconds, spread=knocks.spread,
        note="without the client's own start",
    )
