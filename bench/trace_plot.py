#!/usr/bin/env python3
"""Draws what `--trace FILE` wrote as an SVG, and prints what can be counted in it.

    bench/trace_plot.py TRACE SVG [TITLE]

A row for each kind of work of each rank that had any, bars where slabs were worked on, those of the same time above one
another. One chunk, half way through, is drawn dark everywhere, so that its way can be followed.
"""

import json
import os
import statistics
import sys
from dataclasses import dataclass

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from harness import svg

KINDS = dict(zip(("read", "hashed", "received", "verified", "written", "sent"), svg.COLOURS))
MARKED = "#111"
LEFT, RIGHT, TOP, TRACK = 120, 940, 62, 7


@dataclass
class Span:
    kind: str
    rank: int
    track: int
    begin: float
    end: float
    chunk: str
    bytes: int
    waited: float


def load(path):
    """The spans, in seconds from the first of them on, and the ranks' names."""
    with open(path) as file:
        events = json.load(file)["traceEvents"]
    names = {event["pid"]: event["args"]["name"] for event in events if event["name"] == "process_name"}
    spans = [
        Span(event["name"], event["pid"], event["tid"] % 1000, event["ts"], event["ts"] + event["dur"],
             event["args"].get("chunk", ""), event["args"]["bytes"], event["args"].get("waitedMicroseconds", 0) / 1e6)
        for event in events if event["ph"] == "X"
    ]
    if not spans:
        raise SystemExit(f"{path}: no slab was moved")
    first = min(span.begin for span in spans)
    for span in spans:
        span.begin, span.end = (span.begin - first) / 1e6, (span.end - first) / 1e6
    return spans, names


def union(spans):
    """The times when at least one of them was going on, as pieces in order."""
    pieces = []
    for begin, end in sorted((span.begin, span.end) for span in spans):
        if pieces and begin <= pieces[-1][1]:
            pieces[-1][1] = max(pieces[-1][1], end)
        else:
            pieces.append([begin, end])
    return pieces


def common(some, others):
    """The times that both have, in seconds."""
    return sum(max(0, min(a[1], b[1]) - max(a[0], b[0])) for a in some for b in others)


def length(pieces):
    return sum(end - begin for begin, end in pieces)


def rows(spans):
    """Spans by rank and kind, in the order of drawing."""
    found = {}
    for span in spans:
        found.setdefault((span.rank, list(KINDS).index(span.kind)), []).append(span)
    return [(rank, list(KINDS)[kind], found[rank, kind]) for rank, kind in sorted(found)]


def marked_chunk(spans):
    """A chunk that has gone all the way, as near to the middle as any."""
    ways = {}
    for span in spans:
        if span.chunk:
            ways.setdefault(span.chunk, []).append(span)
    longest = max(len({(span.rank, span.kind) for span in way}) for way in ways.values())
    whole = [chunk for chunk, way in ways.items() if len({(span.rank, span.kind) for span in way}) == longest]
    whole.sort(key=lambda chunk: max(span.begin for span in ways[chunk]))
    return whole[len(whole) // 2]


def draw(spans, names, path, title):
    all_rows = rows(spans)
    ranks = list(dict.fromkeys(rank for rank, _, _ in all_rows))
    height = TOP + sum(row_height(some) for _, _, some in all_rows) + 24 * len(ranks) + 44
    canvas = svg.Canvas(RIGHT + 20, height, title)
    canvas.text(LEFT, 44, "a bar: one slab · dark: the same chunk everywhere", size=11, colour="#555")
    last = max(span.end for span in spans)
    step = svg.nice_step(last / 8)
    bottom = height - 36

    def place(seconds):
        return LEFT + (RIGHT - LEFT) * seconds / last

    for k in range(int(last / step) + 1):
        canvas.line(place(k * step), TOP, place(k * step), bottom, "#e4e4e4")
        canvas.text(place(k * step), bottom + 16, f"{k * step:g}", anchor="middle")
    canvas.text((LEFT + RIGHT) / 2, height - 6, "seconds", anchor="middle", colour="#555")
    marked, y, rank_before = marked_chunk(spans), TOP, None
    for rank, kind, some in all_rows:
        if rank != rank_before:
            canvas.text(16, y + 17, names.get(rank, f"rank {rank}"), weight="bold")
            y, rank_before = y + 24, rank
        canvas.text(LEFT - 8, y + 12, kind, anchor="end", size=11)
        draw_row(canvas, some, y, KINDS[kind], marked, place)
        y += row_height(some)
    canvas.save(path)


def tracks(spans):
    return 1 + max(span.track for span in spans)


def row_height(spans):
    """One track or two are as high."""
    return TRACK * max(2, tracks(spans)) + 3


def draw_row(canvas, spans, y, colour, marked, place):
    thickness = (row_height(spans) - 3) / tracks(spans)
    for span in sorted(spans, key=lambda span: span.chunk == marked):
        x = place(span.begin)
        width = max(0.8, place(span.end) - x - 0.4)
        canvas.bar(x, y + 1 + thickness * span.track, width, max(1, thickness - 0.3),
                   MARKED if span.chunk == marked else colour)


def tell(spans, names):
    """What of the whole time each kind of work went on, and how long the slabs took."""
    whole = max(span.end for span in spans)
    print(f"{whole:.3f} s from the first event to the end of the last")
    pieces = {}
    for rank, kind, some in rows(spans):
        pieces[rank, kind] = union(some)
        took = statistics.median(span.end - span.begin for span in some)
        waited = statistics.median(span.waited for span in some)
        print(f"{names.get(rank, rank)}: {kind}: {len(some)} slabs, {sum(span.bytes for span in some) / 1e6:.1f} MB, "
              f"{100 * length(pieces[rank, kind]) / whole:.1f} % of the time, from {min(s.begin for s in some):.3f} to "
              f"{max(s.end for s in some):.3f} s, median {took * 1e3:.2f} ms"
              + (f", asked for {waited * 1e3:.0f} ms before" if waited else ""))
    for (rank, kind), of_kind in pieces.items():
        coming = pieces.get((rank, "received"))
        if coming and kind != "received":
            share = common(of_kind, coming) / max(1e-9, length(of_kind))
            print(f"{names.get(rank, rank)}: {100 * share:.0f} % of the time of {kind} falls into that of received")
    tell_hops(spans, names)


def tell_hops(spans, names):
    """How much later than at its reader a chunk is at each rank: median over chunks."""
    read = {}
    for span in spans:
        if span.kind == "read" and span.chunk:
            read[span.chunk] = max(span.end, read.get(span.chunk, 0))
    for kind in ("received", "written"):
        for rank in sorted({span.rank for span in spans if span.kind == kind}):
            delays = [span.end - read[span.chunk] for span in spans
                      if span.rank == rank and span.kind == kind and span.chunk in read]
            if delays:
                print(f"{names.get(rank, rank)}: {kind} {statistics.median(delays) * 1e3:.0f} ms after it was read "
                      f"(median of {len(delays)} chunks)")


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    spans, names = load(sys.argv[1])
    draw(spans, names, sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "a trace")
    tell(spans, names)


main()
