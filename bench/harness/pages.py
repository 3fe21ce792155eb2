"""Tables of docs/benchmarks.md and plots of docs/plots, made from results."""

import os

from harness import svg
from harness.record import ROOT, mark, table, write_between_markers

PAGE = "docs/benchmarks.md"
PLOTS = os.path.join(ROOT, "docs", "plots")


def busy(row):
    if row.get("busy") is None:
        return ""
    return f"{row['busy']} %" + (", machine-bound" if row["machine_bound"] else "")


def failures(rows):
    """What has no figures, and why."""
    lines = [f"- {row.get('tool') or row['what']}: {row['note']}" + (f" ({row['work']})" if row.get("work") else "")
             for row in rows if "measured" not in row and "median" not in row]
    return "\nNot measured:\n\n" + "\n".join(lines) + "\n" if lines else ""


def link(results):
    write_between_markers(PAGE, "link", compared_table(results))


def ssh(results):
    write_between_markers(PAGE, "ssh", compared_table(results) + notes(results.rows))


def jobs(results):
    measured = [row for row in results.rows if "median" in row]
    works = dict.fromkeys(row["work"] for row in measured)
    text = "".join(job_table(work, [row for row in measured if row["work"] == work]) + "\n" for work in works)
    singles = [row for row in results.rows if "unit" in row]
    if singles:
        text += "### A second job on the same nodes\n\n" + plain_table(singles)
    write_between_markers(PAGE, "jobs", f"Machine: {results.data['machine']}\n\n" + text + failures(results.rows))


def job_table(work, rows):
    """Jobs by the whole time, and its parts."""
    head = ["", "seconds", "fastest to slowest", "of the limit", "queue", "start", "staging", "end", "command",
            "the file server sent", "processors busy", "daft is faster", "goal", "ok"]
    ordered = sorted(rows, key=lambda row: row["median"])
    cells = [
        [row["tool"], f"{row['median']:.2f}", row["spread"], f"{row['ratio']:.2f}",
         *(f"{row[part]:.2f}" if row[part] else "" for part in ("queue", "start", "staging", "end", "command")),
         f"{row['served']:.2f} × the file", busy(row), f"{row['slower']:.2f} ×" if row["goal"] else "", row["goal"],
         mark(row["met"])]
        for row in ordered
    ]
    takes = min(len(row["seconds"]) for row in rows)
    limit = (f"The link carries {rows[0]['limit_rate'] / 1e6:.1f} MB/s of payload (iperf3). "
             f"{'One take' if takes == 1 else f'{takes} takes'} of each.")
    remarks = "".join(f" {row['tool']}: {row['note']}." for row in ordered if row["note"])
    return f"### {work}, from `sbatch` to the command\n\n{limit}{remarks}\n\n{table(head, cells)}\n"


def compared_table(results):
    head = ["what", "daft", "beside", "ratio", "goal", "ok", "seconds, fastest to slowest", "processors busy"]
    cells = [
        [row["what"], row["measured"], row["against"], row["ratio"], row["goal"], mark(row["met"]), row["spread"],
         busy(row)]
        for row in results.rows if "measured" in row
    ]
    return f"Machine: {results.data['machine']}\n\n" + table(head, cells) + "\n" + failures(results.rows)


def notes(rows):
    """What rows say beside their figures."""
    return "".join(f"\n{row['what']}: {row['note']}.\n" for row in rows if row["note"] and "measured" in row)


def contest_table(work, rows):
    head = ["", "MB", "seconds", "fastest to slowest", "of the limit", "whole process", "processors busy", "goal", "ok"]
    ordered = sorted(rows, key=lambda row: -row["ratio"])
    cells = [
        [row["tool"], f"{row['megabytes']:.0f}", f"{row['median']:.2f}", row["spread"], f"{row['ratio']:.2f}",
         f"{row['whole_ratio']:.2f}", busy(row), row["goal"], mark(row["met"])]
        for row in ordered
    ]
    takes = min(len(row["seconds"]) for row in rows)
    limit = (f"The link carries {rows[0]['limit_rate'] / 1e6:.1f} MB/s of payload (iperf3). "
             f"{'One take' if takes == 1 else f'{takes} takes'} of each.")
    remarks = "".join(f" {row['tool']}: {row['note']}." for row in ordered if row["note"])
    return f"### {work[0].upper()}{work[1:]}\n\n{limit}{remarks}{verdict(rows)}\n\n{table(head, cells)}\n"


def verdict(rows):
    """Whether daft is ahead of all others, inside the job and as a whole process."""
    ours = next((row for row in rows if row["tool"] == "daft"), None)
    others = [row for row in rows if row is not ours]
    if not ours or not others:
        return ""
    inside, whole = (max(others, key=lambda row: row[key]) for key in ("ratio", "whole_ratio"))
    return (f" daft is {ours['ratio'] / inside['ratio']:.2f} × as fast as the next, {inside['tool']}; "
            f"{ours['whole_ratio'] / whole['whole_ratio']:.2f} × with mpirun's start and end in its time.")


def growth_table(rows):
    head = ["receivers", "seconds", "of the limit", "S/B + (N−1)·c/B", "whole process", "processors busy"]
    cells = [
        [row["receivers"], f"{row['median']:.2f}", f"{row['ratio']:.3f}", f"{modelled(row):.2f}",
         f"{row['whole'][len(row['whole']) // 2]:.2f}", busy(row)]
        for row in rows
    ]
    return (f"### {rows[0]['megabytes']} MB to more and more hosts at {rows[0]['rate']}\n\n"
            f"c is the piece that a host has before it passes it on, {PIECE_BYTES >> 10} KiB.\n\n"
            f"{table(head, cells)}\n\n![the curve](plots/growth.svg)\n")


PIECE_BYTES = 60 << 10


def modelled(row, receivers=None):
    """Seconds of a pipeline without any other cost."""
    receivers = receivers or row["receivers"]
    return row["limit_seconds"] + (receivers - 1) * PIECE_BYTES / row["limit_rate"]


def plain_table(rows):
    head = ["what", "", "", "goal", "ok", "seconds, fastest to slowest", "processors busy"]
    cells = [
        [row["what"], f"{row['measured']:.4g}", row["unit"], row["goal"], mark(row["met"]), row["spread"], busy(row)]
        for row in rows
    ]
    return table(head, cells) + "\n" + notes(rows)


def bcast(results):
    measured = [row for row in results.rows if "median" in row]
    works = list(dict.fromkeys(row["work"] for row in measured if row["work"] != "growth"))
    grown = [row for row in measured if row["work"] == "growth"]
    text = f"Machine: {results.data['machine']}\n\n"
    for work in works:
        text += contest_table(work, [row for row in measured if row["work"] == work]) + "\n"
    text += "![one file](plots/one-file.svg)\n\n"
    if grown:
        text += growth_table(grown) + "\n"
    singles = [row for row in results.rows if "unit" in row]
    text += "### Single figures\n\n" + plain_table(singles) + failures(results.rows)
    write_between_markers(PAGE, "bcast", text)
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
