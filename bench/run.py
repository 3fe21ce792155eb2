#!/usr/bin/env python3
"""The benchmarks in a cluster in a box.

    bench/run.py link [--quick]     point to point: put, get, fetch, and what waiting costs
    bench/run.py tables             the tables and plots again, from bench/results, without measuring

Needs root and the packages of `tools/setup.sh bench`; `make bench` sees to both. Results go to bench/results, tables
to docs/benchmarks.md, plots to docs/plots.
"""

import argparse
import os
import signal
import sys
import traceback
from types import SimpleNamespace

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import link_rows, pages
from harness.record import Results


def attempt(results, what, measure, *arguments):
    """One part's failure is a row of its own, and the next part is measured all the same."""
    print(what, flush=True)
    try:
        measure(results, *arguments)
    except Exception as error:
        traceback.print_exc()
        results.add(what=what, note=f"failed: {error}"[:300])


def link(quick):
    results = Results("link")
    repeats = 3
    size = SimpleNamespace(megabytes=200 if quick else 500, fetched_mebibytes=32 if quick else 64)
    attempt(results, "get from one data server", link_rows.get_from_one, size, repeats)
    attempt(results, "get from four data servers", link_rows.get_from_four, size, repeats)
    attempt(results, "put and get on this machine", link_rows.on_this_machine, size, repeats)
    for rate in ("400mbit",) if quick else ("400mbit", "200mbit"):
        attempt(results, f"fetch by many, {rate}", link_rows.many_fetch_one, size, repeats, rate)
    attempt(results, "waiting", link_rows.waiting, 10 if quick else 30)
    pages.link(results)


def tables(_):
    for name, write in (("link", pages.link),):
        try:
            write(Results.load(name))
        except FileNotFoundError:
            print(f"bench/results has no {name}.json", file=sys.stderr)


def main():
    parts = {"link": link, "tables": tables}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=parts)
    parser.add_argument("--quick", action="store_true", help="smaller files, fewer hosts")
    arguments = parser.parse_args()
    if arguments.part != "tables" and os.geteuid() != 0:
        raise SystemExit("a cluster in a box needs root")
    # An end by a signal is an end like any other: boxes are taken down on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts[arguments.part](arguments.quick)


if __name__ == "__main__":
    main()
