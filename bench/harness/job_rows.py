"""Rows of the benchmark of whole jobs: from `sbatch` to the first line of the user's command on the last node."""

import os
import statistics
import subprocess

from harness import job_scripts
from harness.box import Box
from harness.daft import make_file
from harness.jobs import SEEN, SERVED, Slurm
from harness.peers import prepare
from harness.record import ROOT, Takes, goal, plain

STAGE_IN = os.path.join(ROOT, "slurm", "stage-in.sbatch")
KEEP_WARM = os.path.join(ROOT, "slurm", "keep-warm.sbatch")
NAMES = ("queue", "start", "staging", "end", "command")
WARM = "/scratch/warm"


def whole_job(results, plan, nodes, rate):
    """A file to all nodes of a job and a command there, by daft and the others, taking turns."""
    with Box(nodes + 1, rate) as box:
        slurm, limit = Slurm(box), box.payload_rate([0], 1)
        make_file(box, 0, f"{SERVED}/file", plan.megabytes)
        ready, absent = prepare(box, nodes, job_scripts.PEERS)
        stage_in = box.share(STAGE_IN)
        lines = {"daft": [stage_in, "-i", f"{SEEN}/file", "--", slurm.command, "file"]}
        for number, peer in enumerate(ready):
            lines[peer.name] = [slurm.file(f"peer{number}.sbatch", peer.script), f"{SEEN}/file", slurm.command, "file"]
        taken = {tool: [] for tool in lines}
        for _ in range(plan.repeats):
            for tool in [tool for tool in lines if tool not in absent]:
                try:
                    taken[tool].append(take(slurm, lines[tool]))
                except (RuntimeError, subprocess.SubprocessError) as error:
                    absent[tool] = f"failed: {error}"[:300]
    notes = {peer.name: peer.note for peer in job_scripts.PEERS}
    for tool, parts in taken.items():
        if tool not in absent:
            row(results, plan.megabytes, nodes, rate, limit, tool, parts, taken["daft"], notes.get(tool, ""))
    for tool, reason in absent.items():
        results.add(work="whole job", tool=tool, note=reason)


def take(slurm, line):
    """One job; what it brought to the nodes is compared, and how often the file server sent it is counted."""
    slurm.clear()
    before = slurm.box.sent_bytes()[0]
    parts = slurm.run(*line)
    parts.served = slurm.box.sent_bytes()[0] - before
    slurm.verify("file")
    return parts


def row(results, megabytes, nodes, rate, limit, tool, parts, ours, note):
    takes = Takes()
    for part in parts:
        takes.add(part.whole, part.busy)
    limit_seconds = megabytes * 1e6 / limit
    slower = takes.median / median(ours, "whole") if ours else 0
    words, met = goal(slower, at_least=1 if tool != "daft" else None)
    results.add(
        work=f"{megabytes} MB to {nodes} nodes at {rate}", tool=tool, limit_rate=round(limit),
        median=round(takes.median, 3), ratio=round(limit_seconds / takes.median, 3), slower=round(slower, 2),
        **{name: round(median(parts, name), 3) for name in NAMES},
        served=round(median(parts, "served") / (megabytes * 1e6), 2), goal=words, met=met,
        busy=takes.busy_percent, machine_bound=takes.is_machine_bound, seconds=takes.seconds, spread=takes.spread,
        note=note,
    )


def warm_job(results, plan, nodes, rate):
    """The second of two jobs on the same nodes, whose store outlives a job."""
    seconds, whole, parts = Takes(), Takes(), []
    with Box(nodes + 1, rate) as box:
        slurm = Slurm(box)
        make_file(box, 0, f"{SERVED}/file", plan.megabytes)
        line = [box.share(KEEP_WARM), "-k", WARM, "-i", f"{SEEN}/file", "--", slurm.command, "file"]
        for _ in range(plan.repeats):
            box.on_all(f"[ ! -e {WARM} ] || chmod -R u+w {WARM}; rm -rf {WARM}", slurm.nodes)
            take(slurm, line)
            part = take(slurm, line)
            parts.append(part)
            seconds.add(part.staging, part.busy)
            whole.add(part.whole, part.busy)
    shown = ", ".join(f"{name} {median(parts, name):.2f} s" for name in NAMES)
    sent = median(parts, "served") / (plan.megabytes * 1e6)
    what = f"the same {plan.megabytes} MB in a second job, keep-warm.sbatch"
    plain(results, f"{what}: staging", "s", seconds.median, at_most=1, seconds=seconds)
    plain(results, f"{what}: from submission to the command", "s", whole.median, seconds=whole, note=shown)
    plain(results, f"{what}: the file server sent, of the file", "", sent, at_most=0.05)


def median(parts, name):
    return statistics.median(getattr(part, name) for part in parts)
