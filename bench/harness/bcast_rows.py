"""Rows of the broadcast's benchmark: one function each, that makes the hosts it needs and adds to the results."""

import os
import random
import statistics
import subprocess
import time

from harness import peers
from harness.box import Box
from harness.contest import SOURCE, Contest, make_tree
from harness.daft import STORE, build_peer, make_file, mpirun_in_box, serving_in_box
from harness.machine import Busy, wait_until_quiet
from harness.record import Takes, plain


def one_file(results, plan, hosts, rate, at_least, relay_megabytes, star_megabytes):
    """A file to all hosts, by daft and all others. Those that are far slower get less of it, for the run's time."""
    with Box(hosts + 1, rate) as box:
        sizes = {"file": plan.megabytes, "relayed": relay_megabytes, "star": star_megabytes}
        for name, megabytes in sizes.items():
            make_file(box, 0, f"{SOURCE}/{name}", megabytes)

        def source_of(peer):
            name = "file" if peer is None else "star" if peer.is_star else "relayed"
            return f"{SOURCE}/{name}", sizes[name]

        game = Contest(results, box, hosts, rate)
        game.run(f"one file to {hosts} hosts at {rate}", source_of, plan.repeats, at_least)


def small_files(results, plan, hosts, rate):
    with Box(hosts + 1, rate) as box:
        files, fewer = plan.small_files, plan.small_files // 10
        trees = {False: (f"{SOURCE}/tree", make_tree(box, f"{SOURCE}/tree", files)),
                 True: (f"{SOURCE}/fewer", make_tree(box, f"{SOURCE}/fewer", fewer))}
        game = Contest(results, box, hosts, rate)
        game.run(f"{files:,} files of 1 to 40 KiB to {hosts} hosts at {rate}",
                 lambda peer: trees[bool(peer and peer.is_star)], plan.repeats, 0.85, is_tree=True)


def on_disks(results, plan, hosts, rate):
    """The same file with the stores on this machine's disk, which all hosts share."""
    with Box(hosts + 1, rate, scratch="disk") as box:
        make_file(box, 0, f"{SOURCE}/file", plan.megabytes)
        game, takes, whole = Contest(results, box, hosts, rate), Takes(), []
        for _ in range(plan.repeats):
            os.sync()
            game.daft(f"{SOURCE}/file", takes, whole)
        game.row(f"one file to {hosts} hosts at {rate}, stores on disk", None, plan.megabytes, takes, whole, None)


def slow_receiver(results, plan, hosts, rate, slow_rate):
    """One link, in the middle of the chain, at half the rate."""
    with Box(hosts + 1, rate) as box:
        make_file(box, 0, f"{SOURCE}/file", plan.megabytes)
        game, takes, whole = Contest(results, box, hosts, rate), Takes(), []
        box.rate(hosts // 2, slow_rate)
        game.limit = box.payload_rate([0], hosts // 2)
        for _ in range(plan.repeats):
            game.daft(f"{SOURCE}/file", takes, whole)
        game.row(f"one file to {hosts} hosts at {rate}, one of them at {slow_rate}", None, plan.megabytes, takes,
                 whole, 0.95)


def again(results, plan, hosts, rate):
    """The same file once more, and one of which a hundredth is other bytes."""
    seconds, shares, busy = Takes(), [], 0
    with Box(hosts + 1, rate) as box:
        make_file(box, 0, f"{SOURCE}/file", plan.megabytes)
        part = plan.megabytes * 10**6 // 100
        box.run(0, f"cp {SOURCE}/file {SOURCE}/changed; head -c {part} /dev/urandom | "
                   f"dd of={SOURCE}/changed bs=64K seek=1000 conv=notrunc status=none")
        game = Contest(results, box, hosts, rate)
        for _ in range(plan.repeats):
            game.job.clear()
            game.job.run("bcast", f"{SOURCE}/file")
            measured = game.job.timed([("again", f"bcast {SOURCE}/file")])
            seconds.add(measured["again"], measured["busy"])
            before = box.sent_bytes()
            game.job.run("bcast", f"{SOURCE}/changed")
            sent = [after - first for first, after in zip(before, box.sent_bytes())]
            game.verify(f"{SOURCE}/changed", f"{STORE}/changed")
            shares.append(sum(sent) / hosts / (plan.megabytes * 1e6))
    plain(results, f"{plan.megabytes} MB to {hosts} hosts again: unchanged", "s",
          seconds.median, at_most=0.5, seconds=seconds)
    plain(results, f"{plan.megabytes} MB to {hosts} hosts again: 1 % changed, new name, sent of all", "",
          statistics.median(shares), at_most=0.05)


def killed(results, plan, hosts, rate, kills=20):
    """A tree that is interrupted again and again: some rank is killed at a random moment, and the same command run."""
    random.seed(20)
    with Box(hosts + 1, rate) as box:
        make_file(box, 0, f"{SOURCE}/tree/large", 0.8 * plan.megabytes)
        files = int(0.2 * plan.megabytes * 2)
        box.run(0, f"for k in $(seq {files}); do head -c 500000 /dev/urandom >{SOURCE}/tree/$k; done")
        game = Contest(results, box, hosts, rate)
        words = game.job.command(["bcast", f"{SOURCE}/tree"])
        # From before the first byte to somewhere on the way.
        span = 0.5 * plan.megabytes * 1e6 / game.limit
        before, ends, hits = sum(box.sent_bytes()), Takes(), 0
        for _ in range(kills):
            running = box.start(0, words, env=game.job.environment, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
            time.sleep(1 + random.random() * span)
            # In the namespace of one host are the box's own processes alone.
            box.run(random.randint(0, hosts), "pkill -KILL -n -x daft-run || true")
            begin = time.monotonic()
            hits += running.wait(60) != 0
            ends.add(time.monotonic() - begin, 0)
        box.run(0, words, env=game.job.environment)
        sent = sum(box.sent_bytes()) - before
        game.verify(f"{SOURCE}/tree", f"{STORE}/tree", is_tree=True)
    plain(results, f"a tree of {plan.megabytes} MB to {hosts} hosts, {hits} of {kills} runs killed on the way, then one "
                   f"to its end: bytes sent, as a part of {hosts} × the tree", "",
          sent / hosts / (plan.megabytes * 1e6), at_most=1.3)
    plain(results, "from the kill to the end of the job, the longest", "s", max(ends.seconds), at_most=10)


def cold_start(results, plan, hosts, rate):
    """A tiny file from prompt to prompt, beside an MPI program that does nothing."""
    with Box(hosts + 1, rate) as box:
        box.run(0, f"mkdir -p {SOURCE}; head -c 1024 /dev/urandom >{SOURCE}/tiny")
        game, empty, tiny = Contest(results, box, hosts, rate), Takes(), Takes()
        nothing = mpirun_in_box(game.job.slots, [build_peer(box.shared, "plain_bcast")])
        for _ in range(plan.repeats + 2):
            game.job.clear()
            for takes, words in ((empty, nothing), (tiny, game.job.command(["bcast", f"{SOURCE}/tiny"]))):
                wait_until_quiet()
                with Busy() as busy:
                    begin = time.monotonic()
                    box.run(0, words, env=game.job.environment)
                    seconds = time.monotonic() - begin
                takes.add(seconds, busy.percent)
            game.verify(f"{SOURCE}/tiny", f"{STORE}/tiny")
    what = f"cold start on {hosts + 1} hosts"
    plain(results, f"{what}: an empty MPI program", "s", empty.median, seconds=empty)
    plain(results, f"{what}: daft-run bcast of 1 KiB", "s", tiny.median, seconds=tiny)
    plain(results, f"{what}: daft's own share", "s", tiny.median - empty.median, at_most=0.3)


def at_the_door(results, plan, hosts, rate):
    """A tiny file with the servers up, by a client on the source's host; sbcast, with Slurm up."""
    with Box(hosts + 1, rate) as box:
        game = Contest(results, box, hosts, rate)
        box.run(0, f"mkdir -p {SOURCE}; for k in $(seq 20); do head -c 1024 /dev/urandom >{SOURCE}/$k; done")
        loop = "for k in $(seq 20); do a=$EPOCHREALTIME; {} || exit 1; echo $a $EPOCHREALTIME; sleep 0.2; done"
        with serving_in_box(game.job):
            times = box.run(0, loop.format(" ".join(game.job.client("bcast", f"{SOURCE}/$k")) + " >/dev/null"))
            game.verify(f"{SOURCE}/20", f"{STORE}/20")
        pairs = [[float(word) for word in line.split()] for line in times.splitlines()]
        milliseconds = [1000 * (end - begin) for begin, end in pairs]
        plain(results, f"1 KiB to {hosts} hosts, servers up: daft's client", "ms",
              statistics.median(milliseconds), at_most=20, note=f"{min(milliseconds):.0f}–{max(milliseconds):.0f} ms")
        ready, absent = peers.prepare(box, hosts, [peer for peer in peers.PEERS if "sbcast" in peer.name])
        if not ready:
            return plain(results, f"1 KiB to {hosts} hosts, servers up: sbcast", "ms", float("nan"), note=str(absent))
        box.on_all("mkdir -p /scratch/in", game.hosts)
        allocation = f"salloc -Q -N {hosts} -w $(paste -sd, {box.shared}/hosts) bash -c '{{}}'"
        times = box.run(0, allocation.format(loop.format(f"sbcast -f {SOURCE}/$k /scratch/in/$k")))
        pairs = [[float(word) for word in line.split()] for line in times.splitlines()]
        plain(results, f"1 KiB to {hosts} hosts, servers up: sbcast", "ms",
              statistics.median(1000 * (end - begin) for begin, end in pairs))


def growth(results, plan, counts, rate):
    """The same file to more and more hosts."""
    for hosts in counts:
        with Box(hosts + 1, rate) as box:
            make_file(box, 0, f"{SOURCE}/file", plan.megabytes)
            game, takes, whole = Contest(results, box, hosts, rate), Takes(), []
            for _ in range(plan.growth_repeats):
                game.daft(f"{SOURCE}/file", takes, whole)
            game.row("growth", None, plan.megabytes, takes, whole, None)
