#!/usr/bin/env python3
"""The benchmarks in a cluster in a box.

    bench/run.py link [--quick]     point to point: put, get, fetch, and what waiting costs
    bench/run.py bcast [--quick]    the broadcast, beside what a user would pick instead
    bench/run.py ssh [--quick]      started over ssh, with ZeroMQ: broadcasts, a host that dies, starting, idling
    bench/run.py jobs [--quick]     whole jobs of a real Slurm, from sbatch to the first line of a command on the nodes
    bench/run.py bcast --only TEXT  those parts alone whose title has this text; the other rows stay as they were
    bench/run.py tables             the tables and plots again, from bench/results, without measuring

Needs root and the packages of `tools/setup.sh bench`; `make bench` sees to both. Results go to bench/results, tables
to docs/benchmarks.md, plots to docs/plots. DAFT_PROGRAMS names another directory of programs than .build/release.
"""

import argparse
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass, replace

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import bcast_rows, growth_page, job_rows, link_rows, machine_rows, pages, ssh_rows
from harness.record import Results


@dataclass(frozen=True)
class Plan:
    megabytes: int = 500
    repeats: int = 3
    growth_repeats: int = 1
    small_files: int = 20_000
    mebibytes: int = 1_024
    fetched_mebibytes: int = 64
    waiting_seconds: int = 30


QUICK = Plan(megabytes=100, repeats=1, small_files=2_000, mebibytes=256, fetched_mebibytes=32,
             waiting_seconds=10)


def link_parts(plan, quick):
    yield "get from one data server", link_rows.get_from_one, plan, 3
    yield "cat from one data server", link_rows.cat_from_one, plan, 3
    yield "get from four data servers", link_rows.get_from_four, plan, 3
    yield "put and get on this machine", link_rows.on_this_machine, plan, 3
    for rate in ("400mbit",) if quick else ("400mbit", "200mbit"):
        yield f"fetch by many, {rate}", link_rows.many_fetch_one, plan, plan.repeats, rate
    yield "waiting", link_rows.waiting, plan.waiting_seconds


def bcast_parts(plan, quick):
    # Hosts, rate, goal, MB for those that pass the bytes on, MB for those whose source sends everything itself.
    files = ((4, "400mbit", 0.97, 500, 50), (8, "100mbit", 0.96, 500, 12), (16, "100mbit", 0.93, 200, 8))
    if quick:
        files = ((4, "400mbit", 0.97, 100, 20),)
    hosts = 4 if quick else 8
    rate = "400mbit" if quick else "200mbit"
    yield "cold start", bcast_rows.cold_start, plan, hosts, rate
    yield "at the door", bcast_rows.at_the_door, plan, hosts, rate
    yield "unshaped, 2 receivers", machine_rows.unshaped, plan, 2, plan.mebibytes
    yield "unshaped, 4 receivers", machine_rows.unshaped, plan, 4, 2 * plan.mebibytes
    yield "processor time", machine_rows.processor_time, plan, 4, "400mbit"
    yield "again", bcast_rows.again, plan, hosts, rate
    yield "killed", bcast_rows.killed, plan, 4, "400mbit", 3 if quick else 20
    yield "slow receiver", bcast_rows.slow_receiver, plan, 4, "400mbit", "200mbit"
    yield "on disks", bcast_rows.on_disks, plan, 4, "400mbit"
    yield "growth", bcast_rows.growth, plan, (2, 4) if quick else (2, 4, 8, 16, 24), "100mbit"
    # At 200 Mbit/s eight hosts' small files keep this machine's two cores busy for more than 80 % of the time.
    yield "small files", bcast_rows.small_files, plan, hosts, "400mbit" if quick else "100mbit"
    for hosts, *rest in files:
        yield f"one file, {hosts} hosts", bcast_rows.one_file, plan, hosts, *rest


def ssh_parts(plan, quick):
    hosts, rate = (4, "400mbit") if quick else (8, "100mbit")
    yield "starting", ssh_rows.starting, plan, hosts if quick else 16, "400mbit"
    yield "waiting", ssh_rows.idle, plan, hosts, rate
    yield "get from one data server", ssh_rows.get_from_one, plan, "400mbit"
    yield "processor time", ssh_rows.processor_time, plan, 4, "400mbit"
    yield "one file, 4 hosts, 400mbit", ssh_rows.one_file, plan, 4, "400mbit"
    if not quick:
        # Two cores are too few for these: the figures are shown, and count for nothing.
        yield "one file, 8 hosts, 400mbit", ssh_rows.one_file, plan, 8, "400mbit"
    yield f"one file and a death, {hosts} hosts, {rate}", ssh_rows.one_file, plan, hosts, rate, 0.93, True
    yield "small files", ssh_rows.small_files, plan, hosts, rate


def job_parts(plan, quick):
    nodes = 4 if quick else 8
    yield "whole job", job_rows.whole_job, plan, nodes, "400mbit"
    yield "second job", job_rows.warm_job, plan, nodes, "400mbit"


def attempt(results, title, measure, *arguments):
    """One part's failure is a row of its own, and the next part is measured all the same."""
    print(f"== {title}", flush=True)
    begin = time.monotonic()
    try:
        measure(results, *arguments)
    except Exception as error:
        traceback.print_exc()
        results.add(what=title, note=f"failed: {error}"[:300])
    print(f"== {title}: {time.monotonic() - begin:.0f} s", flush=True)


def measure(name, parts, page, arguments):
    plan = QUICK if arguments.quick else Plan()
    if arguments.repeats:
        plan = replace(plan, repeats=arguments.repeats)
    chosen = [part for part in parts(plan, arguments.quick) if arguments.only in part[0]]
    # A quick run is for looking at, and not for the page.
    results = Results(name + "-quick" * arguments.quick, keep=bool(arguments.only))
    for title, *rest in chosen:
        results.begin(title)
        attempt(results, title, *rest)
    if not arguments.quick:
        page(results)


def bcast_pages(results):
    pages.bcast(results)
    growth_page.write(results)


def tables(_):
    for name, write in (("link", pages.link), ("bcast", bcast_pages), ("ssh", pages.ssh), ("jobs", pages.jobs)):
        try:
            write(Results.load(name))
        except FileNotFoundError:
            print(f"bench/results has no {name}.json", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=("link", "bcast", "ssh", "jobs", "tables"))
    parser.add_argument("--quick", action="store_true", help="smaller files, fewer hosts")
    parser.add_argument("--only", default="", metavar="TEXT", help="only parts whose title has this text")
    parser.add_argument("--repeats", type=int, metavar="N", help="takes of each row")
    arguments = parser.parse_args()
    if arguments.part != "tables" and os.geteuid() != 0:
        raise SystemExit("a cluster in a box needs root")
    # An end by a signal is an end like any other: boxes are taken down on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if arguments.part == "link":
        measure("link", link_parts, pages.link, arguments)
    elif arguments.part == "bcast":
        measure("bcast", bcast_parts, bcast_pages, arguments)
    elif arguments.part == "ssh":
        measure("ssh", ssh_parts, pages.ssh, arguments)
    elif arguments.part == "jobs":
        measure("jobs", job_parts, pages.jobs, arguments)
    else:
        tables(arguments)


if __name__ == "__main__":
    main()
