"""Rows of the benchmark of workstations: daft started over ssh, its bytes carried by ZeroMQ, encrypted unless a row
says otherwise. Seconds are those of the client's process on n0, from its start to its end.
"""

import statistics
import time

from harness.box import Box
from harness.contest import SOURCE, make_tree, verify
from harness.daft import STORE, make_file, program
from harness.link_rows import add, shown
from harness.machine import Busy, memory_mebibytes, process_seconds, wait_until_quiet
from harness.machine_rows import end_profile, start_profile
from harness.peers import each_at_once
from harness.record import Takes
from harness.workstations import Workstations

WAYS = {"encrypted": (), "not encrypted": ("--no-encrypt",)}


def one_file(results, plan, hosts, rate, at_least=None, with_death=False):
    """A file to all hosts, encrypted and not, taking turns; and with one host powered off at half way."""
    with Box(hosts + 1, rate) as box:
        limit = box.payload_rate([0], 1)
        make_file(box, 0, f"{SOURCE}/file", plan.megabytes)
        takes, late = {way: Takes() for way in WAYS}, Takes()
        for _ in range(plan.repeats):
            for way, options in WAYS.items():
                with Workstations(box, hosts, *options) as system:
                    takes[way].add(*system.run(0, "bcast", f"{SOURCE}/file"))
                    verify(box, system.hosts, f"{SOURCE}/file", f"{STORE}/file")
            if with_death:
                late.add(*one_dies(box, hosts, takes["encrypted"].seconds[-1] / 2))
    size = plan.megabytes * 1e6
    for way, taken in takes.items():
        reached = size / taken.median
        add(results, f"bcast of {plan.megabytes} MB to {hosts} hosts at {rate}, {way}", taken, shown(reached),
            f"iperf3: {shown(limit)}", reached / limit,
            at_least=at_least if way == "encrypted" else None)
    if with_death:
        undisturbed = takes["encrypted"].median
        add(results, f"the same at {rate}, encrypted, one host powered off at half way", late,
            f"{late.median:.2f} s", f"undisturbed: {undisturbed:.2f} s", late.median - undisturbed, at_most=15)


def one_dies(box, hosts, after_seconds):
    """A bcast during which the host in the middle of the chain is powered off: all others have the file, the status
    is that of a node that cannot be reached, and its name is said."""
    victim = (hosts + 1) // 2
    with Workstations(box, hosts) as system:
        seconds, busy, status, said = system.run_while_one_dies(victim, after_seconds, "bcast", f"{SOURCE}/file")
        if status != 6 or f"n{victim}" not in said:
            raise RuntimeError(f"n{victim} was powered off: status {status}: {said.strip()[-300:]}")
        verify(box, [host for host in system.hosts if host != victim], f"{SOURCE}/file", f"{STORE}/file")
        box.boot(victim)
    return seconds, busy


def small_files(results, plan, hosts, rate, at_least=0.8):
    with Box(hosts + 1, rate) as box:
        limit = box.payload_rate([0], 1)
        size = 1e6 * make_tree(box, f"{SOURCE}/tree", plan.small_files)
        takes = Takes()
        for _ in range(plan.repeats):
            with Workstations(box, hosts) as system:
                takes.add(*system.run(0, "bcast", f"{SOURCE}/tree"))
                verify(box, system.hosts, f"{SOURCE}/tree", f"{STORE}/tree", is_tree=True)
    reached = size / takes.median
    add(results, f"bcast of {plan.small_files:,} files of 1 to 40 KiB to {hosts} hosts at {rate}, encrypted", takes,
        shown(reached), f"iperf3: {shown(limit)}", reached / limit, at_least=at_least)


def starting(results, plan, hosts, rate):
    """`daft start`, with the program on the hosts and without; beside ssh that does nothing, and scp of the program."""
    with Box(hosts + 1, rate) as box:
        system = Workstations(box, hosts)
        names = " ".join(f"n{host}" for host in system.hosts)
        lines = {"ssh": each_at_once("ssh $h true"), "scp": each_at_once(f"scp -q {system.daft} $h:daft")}
        takes = {name: Takes() for name in (*lines, "cold", "warm")}
        for _ in range(plan.repeats):
            for name, line in lines.items():
                box.on_all("rm -f /root/daft", system.hosts)
                takes[name].add(*system.timed(0, f"RECEIVERS='{names}'; {line}"))
            system.forget_program()
            for name in ("cold", "warm"):
                takes[name].add(*system.start())
                system.end()
        megabytes = float(box.run(0, f"stat -c %s {system.daft}")) / 1e6
    ssh, scp, cold, warm = (takes[name].median for name in ("ssh", "scp", "cold", "warm"))
    floor = f"`ssh HOST true` to all at once: {ssh:.2f} s"
    head = f"daft start of {hosts} hosts at {rate}"
    add(results, f"{head}, the program there already", takes["warm"], f"{warm:.2f} s", floor, warm,
        at_most=2, note=f"{hosts} ssh sessions alone keep the processors {takes['ssh'].busy_percent} % busy "
                        f"for {takes['ssh'].spread} s")
    add(results, f"{head}, nothing there", takes["cold"], f"{cold:.2f} s",
        f"scp of the program ({megabytes:.1f} MB) to all at once: {scp:.2f} s", cold / scp, at_most=1.2,
        note=f"the scps keep the processors {takes['scp'].busy_percent} % busy for {takes['scp'].spread} s")


def idle(results, plan, hosts, rate):
    """What servers that have nothing to do cost, and how soon they answer."""
    with Box(hosts + 1, rate) as box, Workstations(box, hosts) as system:
        pids = {host: system.process(host) for host in range(hosts + 1)}
        before = {host: process_seconds(pid) for host, pid in pids.items()}
        time.sleep(plan.waiting_seconds)
        shares = {host: 100 * (process_seconds(pid) - before[host]) / plan.waiting_seconds
                  for host, pid in pids.items()}
        resident, peak = ({host: memory_mebibytes(pid, key) for host, pid in pids.items()}
                          for key in ("VmRSS", "VmHWM"))
        listings = {host: listing(system, host) for host in (1, 0)}
    waited = Takes()
    waited.add(plan.waiting_seconds, 0)
    what = f"{hosts} idle data servers, {plan.waiting_seconds} s"
    most = max(list(shares.values())[1:])
    add(results, f"{what}: processor time of the busiest", waited, f"{most:.2f} % of a core",
        f"metadata server: {shares[0]:.2f} %", most, at_most=0.5, is_busy_known=False)
    most = max(list(resident.values())[1:])
    add(results, f"{what}: resident memory of the largest", waited,
        f"{most:.1f} MiB (peak {max(list(peak.values())[1:]):.1f})",
        f"metadata server: {resident[0]:.1f} MiB (peak {peak[0]:.1f})", most, at_most=40, is_busy_known=False)
    for host, (takes, bare) in listings.items():
        where = "the metadata server's host" if host == 0 else "a data server's host"
        add(results, f"`daft ls` on {where}", takes,
            f"{1000 * takes.median:.1f} ms", f"`daft --version`: {1000 * bare:.1f} ms", 1000 * takes.median,
            at_most=50, is_busy_known=False)


def listing(system, host, count=20):
    """`daft ls` again and again, timed on the host itself; and the median of a client that asks nobody."""
    loop = "for k in $(seq {}); do a=$EPOCHREALTIME; {} >/dev/null || exit 1; echo $a $EPOCHREALTIME; sleep 0.2; done"

    def seconds(words):
        lines = system.box.run(host, loop.format(count, " ".join(words))).splitlines()
        return [float(end) - float(begin) for begin, end in (line.split() for line in lines)]

    wait_until_quiet()
    takes = Takes()
    for second in seconds(system.client("ls")):
        takes.add(second, 0)
    return takes, statistics.median(seconds([system.daft, "--version"]))


def get_from_one(results, plan, rate):
    """A file of one data server, over its link, to the metadata server's host."""
    with Box(2, rate) as box:
        limit = box.payload_rate([1], 0)
        make_file(box, 1, f"{SOURCE}/file", plan.megabytes)
        takes = {way: Takes() for way in WAYS}
        for _ in range(plan.repeats):
            for way, options in WAYS.items():
                with Workstations(box, 1, *options) as system:
                    system.run(1, "put", f"{SOURCE}/file")
                    takes[way].add(*system.run(0, "get", "/file", "--to", "/scratch/out"))
                    box.run(0, f"cmp /scratch/out <(ssh n1 cat {SOURCE}/file); rm -f /scratch/out")
    for way, taken in takes.items():
        reached = plan.megabytes * 1e6 / taken.median
        add(results, f"get of {plan.megabytes} MB from one data server, links at {rate}, {way}", taken,
            shown(reached), f"iperf3: {shown(limit)}", reached / limit)


def processor_time(results, plan, hosts, rate):
    """What a data server's processors do for a gigabyte, and where, as far as `perf` is here to look."""
    with Box(hosts + 1, rate) as box:
        make_file(box, 0, f"{SOURCE}/file", plan.megabytes)
        for way, options in WAYS.items():
            with Workstations(box, hosts, *options) as system:
                pids = {host: system.process(host) for host in range(hosts + 1)}
                wait_until_quiet()
                profile = start_profile(pids[1], box.shared)
                before = {host: process_seconds(pid) for host, pid in pids.items()}
                taken = Takes()
                taken.add(*system.run(0, "bcast", f"{SOURCE}/file"))
                used = {host: (process_seconds(pid) - before[host]) * 1000 / plan.megabytes
                        for host, pid in pids.items()}
                top = end_profile(profile, box.shared)
            forwarding = statistics.mean(used[host] for host in range(1, hosts))
            add(results, f"processor time for 1 GB, {hosts} hosts at {rate}, {way}: a data server that passes it on",
                taken, f"{forwarding:.2f} s", f"the last: {used[hosts]:.2f} s; metadata server: {used[0]:.2f} s",
                forwarding, note=top)
