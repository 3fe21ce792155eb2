"""Tables of docs/benchmarks.md and plots of docs/plots, made from results."""

import math
import os
import re

from harness import svg
from harness.record import ROOT, table, write_between_markers

PAGE = "docs/benchmarks.md"
PLOTS = os.path.join(ROOT, "docs", "plots")


def flag(row):
    """What a reader has to know beside a figure."""
    missed = f" (goal {row['goal']} missed)" if row["met"] is False else ""
    return (" †" if row["machine_bound"] else "") + missed


def failures(rows):
    """What has no figures, and why."""
    lines = [f"- {row.get('tool') or row['what']}: {row['note']}" + (f" ({row['work']})" if row.get("work") else "")
             for row in rows if "measured" not in row and "median" not in row]
    return "\nNot measured:\n\n" + "\n".join(lines) + "\n" if lines else ""


def link(results):
    write_between_markers(PAGE, "link", compared_table(results))


def ssh(results):
    write_between_markers(PAGE, "ssh", compared_table(results))


def jobs(results):
    measured = [row for row in results.rows if "median" in row]
    works = dict.fromkeys(row["work"] for row in measured)
    text = "".join(job_table(work, [row for row in measured if row["work"] == work]) + "\n" for work in works)
    singles = [row for row in results.rows if "unit" in row]
    write_between_markers(PAGE, "jobs", machine(results) + text + plain_list(singles) + failures(results.rows))


def machine(results):
    """Processor, load and day; what else the machine has does not change from one table to the next."""
    parts = results.data["machine"].split("; ")
    return "; ".join([parts[0], *parts[-2:]]) + "\n\n"


def job_table(work, rows):
    """Jobs by the whole time, and its parts."""
    parts = ("queue", "start", "staging", "end", "command")
    head = [work, "seconds", "of the limit", *parts, "file server sent"]
    cells = [
        [row["tool"] + flag(row), f"{row['median']:.2f}", f"{row['ratio']:.2f}",
         *(f"{row[part]:.2f}" if row[part] else "" for part in parts), f"{row['served']:.2f}×"]
        for row in sorted(rows, key=lambda row: row["median"])
    ]
    return table(head, cells) + "\n"


def compared_table(results):
    head = ["what", "daft", "beside", "ratio"]
    rows = [row for row in results.rows if "measured" in row]
    whats = [brief(row["what"], above["what"]) for row, above in zip(rows, [{"what": ""}, *rows])]
    cells = [[what, row["measured"] + flag(row), row["against"], quotient(row)] for what, row in zip(whats, rows)]
    return machine(results) + table(head, cells) + "\n" + failures(results.rows)


def brief(what, above):
    """Without the beginning that the row above has too, where that is a whole part of it."""
    shared = os.path.commonprefix((what, above))
    end = max(shared.rfind(mark) for mark in (": ", ", ")) + 2
    return "… " + what[end:] if end > 20 else what


def quotient(row):
    """The ratio, where it is that of the two figures shown; of some rows it is a figure that has a goal."""
    ours, theirs = (re.match(r"[\d.]+", text) for text in (row["measured"], row["against"].split(": ")[-1]))
    if not ours or not theirs:
        return ""
    return f"{row['ratio']:.2f}" if abs(float(ours[0]) / float(theirs[0]) - row["ratio"]) < 0.05 else ""


def contest_table(works, rows):
    """What each tool reaches of the limit, a work a column."""
    ratios = {(row["tool"], row["work"]): row for row in rows}
    ordered = sorted({row["tool"] for row in rows},
                     key=lambda tool: [-ratios[tool, work]["ratio"] if (tool, work) in ratios else 0 for work in works])
    limits = [next(row for row in rows if row["work"] == work and row["tool"] == "daft") for work in works]

    def line(tool, key):
        found = [ratios.get((tool, work)) for work in works]
        return [f"{row[key]:.2f}" + flag(row) if row else "" for row in found]

    cells = [["the limit"] + [f"{row['limit_seconds']:.1f} s for {row['megabytes']:.0f} MB" for row in limits]]
    for tool in ordered:
        cells.append([tool] + line(tool, "ratio"))
        if tool == "daft":
            cells.append(["daft, with mpirun's start and end"] + line(tool, "whole_ratio"))
    return table(["", *works], cells) + "\n\n" + remarks(rows)


def remarks(rows):
    notes = {}
    for row in rows:
        if row["note"]:
            notes.setdefault(row["note"], dict.fromkeys([]))[row["tool"]] = None
    return "".join(f"{'; '.join(tools)}: {note}.\n" for note, tools in notes.items())


def growth_table(rows):
    head = ["receivers", "seconds", "of the limit", "with mpirun's start and end"]
    cells = [
        [row["receivers"], f"{row['median']:.2f}" + flag(row), f"{row['ratio']:.3f}",
         f"{row['whole'][len(row['whole']) // 2]:.2f}"]
        for row in rows
    ]
    return (f"{rows[0]['megabytes']} MB to more and more hosts at {rows[0]['rate']}:\n\n"
            f"{table(head, cells)}\n\n![the curve](plots/growth.svg)\n")


PIECE_BYTES = 60 << 10


def modelled(row, receivers=None):
    """Seconds of a pipeline without any other cost."""
    receivers = receivers or row["receivers"]
    return row["limit_seconds"] + (receivers - 1) * PIECE_BYTES / row["limit_rate"]


def plain_list(rows):
    """Rows of one figure; those that begin alike are one line."""
    lines = {}
    for row in rows:
        subject, _, rest = row["what"].partition(": ")
        figure = f"{row['measured']:.4g} {row['unit']}".rstrip() + flag(row)
        if math.isnan(row["measured"]):
            figure = f"not measured, {row['note']}"
        lines.setdefault(subject, []).append(f"{rest} {figure}".strip())
    return "".join(f"- {subject}: {'; '.join(figures)}\n" for subject, figures in lines.items())


def bcast(results):
    measured = [row for row in results.rows if "median" in row]
    works = list(dict.fromkeys(row["work"] for row in measured if row["work"] != "growth"))
    grown = [row for row in measured if row["work"] == "growth"]
    contests = [work for work in works if sum(row["work"] == work for row in measured) > 1]
    text = machine(results) + contest_table(contests, [row for row in measured if row["work"] in contests]) + "\n"
    for row in measured:
        if row["work"] in works and row["work"] not in contests:
            text += f"- {row['tool']}, {row['work']}: {row['ratio']:.2f} of the limit{flag(row)}\n"
    text += plain_list([row for row in results.rows if "unit" in row])
    text += "\n![one file](plots/one-file.svg)\n\n"
    if grown:
        text += growth_table(grown)
    write_between_markers(PAGE, "bcast", text + failures(results.rows))
    plots(measured, works, grown)


def plots(measured, works, grown):
    os.makedirs(PLOTS, exist_ok=True)
    groups = []
    for work in works:
        rows = sorted((row for row in measured if row["work"] == work), key=lambda row: -row["ratio"])
        if len(rows) > 1:
            groups.append((work, [(row["tool"], row["ratio"], "machine-bound" if row["machine_bound"] else "")
                                  for row in rows]))
    svg.bars(os.path.join(PLOTS, "one-file.svg"), "What each reaches of the physical limit", groups,
             "payload over time, as a part of what iperf3 carries on one link")
    if grown:
        points = [(row["receivers"], row["median"]) for row in grown]
        whole = [(row["receivers"], row["whole"][len(row["whole"]) // 2]) for row in grown]
        model = [(row["receivers"], modelled(row)) for row in grown]
        svg.curve(os.path.join(PLOTS, "growth.svg"), f"{grown[0]['megabytes']} MB to N hosts at {grown[0]['rate']}",
                  [("with mpirun's start", whole, False), ("inside the job", points, False),
                   ("S/B + (N−1)·c/B", model, True)], "receivers", "seconds")
