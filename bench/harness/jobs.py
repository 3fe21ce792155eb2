"""Jobs of a real Slurm on the hosts of a box, and what of a job took how long.

n0 is what a site has beside its nodes: slurmctld, and the server of the file system that all nodes share. Jobs run on
the others. A node sees the files under the same path as every other, and their bytes come over n0's link, by sshfs,
which is asked again whenever a file is opened: nothing is in a node's memory from an earlier job.

A job's script runs as it is. BASH_ENV makes every bash of the job note the time before its first line, the first of all
being the batch script; DAFT_RUN names a script that notes when daft-run begins, reports and ends. Marks are made in a
folder of the machine that all hosts see, which costs their links nothing.
"""

import json
import os
import subprocess
import time

from harness.daft import program
from harness.machine import Busy, wait_until_quiet

SERVED, SEEN, LOCAL = "/scratch/source", "/site", "/scratch/local"

BEFORE_FIRST_LINE = """
mark() { echo "$1 $EPOCHREALTIME" >>"$MARKS/parts"; }
[ -e "$MARKS/parts" ] || mark batch
"""

NOTING_DAFT_RUN = """#!/bin/bash
mark begun
DAFT_JSON=1 {program} "$@" > >(while read -r line; do mark reported; echo "$line" | tee -a "$MARKS/reports"; done)
status=$?
mark ended
exit $status
"""

# What users submit: its first line on the last node is what they wait for. Hashes are made when all have come so far.
COMMAND = """#!/bin/bash
echo "$EPOCHREALTIME" >"$MARKS/first.$SLURMD_NODENAME"
until [ "$(find "$MARKS" -name 'first.*' | wc -l)" = "$SLURM_JOB_NUM_NODES" ]; do sleep 0.1; done
openssl dgst -sha256 -r "$STAGED/$1" | cut -c 1-64 >"$MARKS/hash.$SLURMD_NODENAME"
"""


class Slurm:
    """The nodes are n1 and on; `box` is up with one host more."""

    def __init__(self, box):
        self.box, self.count = box, box.count - 1
        self.nodes = range(1, box.count)
        self.marks = os.path.join(box.shared, "marks")
        box.script_file("slurm-up.sh")
        box.run(0, ["mkdir", "-p", SERVED])
        box.on_all(f"mkdir -p {SEEN} {LOCAL} && sshfs -o ro n0:{SERVED} {SEEN}", self.nodes)
        self.daft_run = self.file("daft-run-noted", NOTING_DAFT_RUN.format(program=box.share(program("daft-run"))))
        self.command = self.file("command", COMMAND)
        self.before_first_line = self.file("before-first-line", BEFORE_FIRST_LINE)

    def file(self, name, text):
        """A script that all hosts see."""
        path = os.path.join(self.box.shared, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o755)
        return path

    def clear(self):
        """Nothing of an earlier job is on any node's disk."""
        self.box.on_all(f"chmod -R u+w {LOCAL}; rm -rf {LOCAL}; mkdir {LOCAL}", self.nodes)

    def run(self, script, *words):
        """A job of all nodes, from its submission on: seconds of its parts, and how busy the processors were until
        the command's first line on the last node. The command has hashed what it found when this comes back."""
        subprocess.run(["rm", "-rf", self.marks], check=True)
        os.mkdir(self.marks)
        wait_until_quiet()
        with Busy() as busy:
            submitted = time.time()
            job = self.submit(script, words)
            self.wait(job, lambda: len(self.marked("first.")) == self.count)
        self.wait(job, lambda: self.state(job) == "COMPLETED", pause_seconds=0.3)
        return Parts(submitted, self.times(), [float(text) for text in self.marked("first.")], self.reports(),
                     busy.percent)

    def submit(self, script, words):
        environment = {"TMPDIR": LOCAL, "MARKS": self.marks, "BASH_ENV": self.before_first_line, "SERVED": SERVED,
                       "DAFT_RUN": self.daft_run}
        line = ["sbatch", "--parsable", f"--nodes={self.count}", "--exclude=n0", f"--output={self.box.shared}/output",
                "--chdir=/tmp", script, *words]
        return self.box.run(0, line, env=dict(os.environ, **environment)).strip()

    def wait(self, job, is_done, pause_seconds=0.05, seconds=300):
        """Files are looked at often; Slurm is asked seldom, as that takes processor time."""
        begin = asked = time.monotonic()
        while not is_done():
            now = time.monotonic()
            if now - asked > 5:
                asked = now
                state = self.state(job)
                if state not in ("PENDING", "RUNNING", "COMPLETING") and not is_done() or now - begin > seconds:
                    self.box.run(0, ["scancel", job])
                    raise RuntimeError(f"the job is {state}: {self.output()[-600:]}")
            time.sleep(pause_seconds)

    def state(self, job):
        fields = self.box.run(0, ["scontrol", "--oneliner", "show", "job", job]).split()
        return next(field.removeprefix("JobState=") for field in fields if field.startswith("JobState="))

    def output(self):
        with open(os.path.join(self.box.shared, "output"), errors="replace") as file:
            return file.read()

    def marked(self, prefix):
        """What nodes wrote, those that have."""
        texts = []
        for name in os.listdir(self.marks):
            if name.startswith(prefix):
                with open(os.path.join(self.marks, name)) as file:
                    texts.append(file.read().strip())
        return [text for text in texts if text]

    def times(self):
        """The first mark of each name."""
        times = {}
        with open(os.path.join(self.marks, "parts")) as file:
            for line in file:
                name, seconds = line.split()
                times.setdefault(name, float(seconds))
        return times

    def reports(self):
        try:
            with open(os.path.join(self.marks, "reports")) as file:
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            return []

    def verify(self, name):
        """An error where a node had not, before its command, what n0 serves."""
        wanted = self.box.run(0, f"openssl dgst -sha256 -r {SERVED}/{name} | cut -c 1-64").strip()
        found = self.marked("hash.")
        if found != [wanted] * self.count:
            raise RuntimeError(f"{name}: not all of {self.count} nodes had it right: {found}")


class Parts:
    """Where the time went. Of daft `start` is from the batch script's first line to where its staging begins: srun,
    MPI, and the data servers' joining. `end` is from its report to the end of its step. The others have neither."""

    def __init__(self, submitted, times, firsts, reports, busy):
        self.busy, first = busy, max(firsts)
        self.whole = first - submitted
        self.queue = times["batch"] - submitted
        if reports:
            self.staging = reports[0]["milliseconds"] / 1000
            self.start = times["reported"] - self.staging - times["batch"]
            self.end = times["ended"] - times["reported"]
            self.command = first - times["ended"]
        else:
            self.start = self.end = 0.0
            self.staging = times["staged"] - times["batch"]
            self.command = first - times["staged"]
