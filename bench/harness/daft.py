"""daft under test: its programs, its start by mpirun on the box's hosts, and job files whose commands are timed.

A job file marks the time before and after a command from inside the running job, `!date` into a file that all hosts
see: that is the time a command takes, without mpirun's start.
"""

import os
import shlex
import shutil
import subprocess
import time

from harness import machine
from harness.record import ROOT

PROGRAMS = os.environ.get("DAFT_PROGRAMS", os.path.join(ROOT, ".build", "release"))
STORE = "/scratch/store"
AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def program(name):
    path = os.path.join(PROGRAMS, name)
    if not os.access(path, os.X_OK):
        raise SystemExit(f"there is no {path}: `make build` first")
    return path


def mpirun_in_box(slots, words):
    """The words that start one rank on each slot: `slots` is [(host, count)], the first of all is rank 0."""
    hosts = ",".join(f"n{host}:{count}" for host, count in slots)
    return [
        "mpirun", "--mca", "btl_tcp_if_include", "eth0", "--mca", "oob_tcp_if_include", "eth0", "--bind-to", "none",
        "--map-by", "slot", "--host", hosts, "-np", str(sum(count for _, count in slots)), *words,
    ]


class Job:
    """daft-run on hosts of a box: rank 0 on the first slot, a data server on each of the others."""

    def __init__(self, box, slots):
        self.box, self.slots = box, slots
        for name in ("daft-run", "daft"):
            box.share(program(name))
        self.daft_run = os.path.join(box.shared, "daft-run")
        self.daft = os.path.join(box.shared, "daft")
        self.environment = dict(os.environ, **AS_ROOT)

    def command(self, words, store=STORE):
        options = ["--store", store, "--catalogue", store + ".catalogue", "--no-progress"]
        return mpirun_in_box(self.slots, [self.daft_run, *options, *words])

    def run(self, *words, store=STORE):
        return self.box.run(self.slots[0][0], self.command(words, store), env=self.environment)

    def timed(self, lines, store=STORE, quiet=True):
        """Runs the lines of a job file. For each `(label, line)` among them the seconds it took, by label; also the
        whole time, as "whole", and how busy the processors were, as "busy": of the last label's command alone."""
        marks = os.path.join(self.box.shared, "marks")
        open(marks, "w").close()
        text, labels = [], []
        for line in lines:
            if isinstance(line, str):
                text.append(line)
                continue
            mark = f"!echo $(date +%s.%N) $(head -1 /proc/stat) >>{marks}"
            text += [mark, line[1], mark]
            labels.append(line[0])
        job = os.path.join(self.box.shared, "job")
        with open(job, "w") as file:
            file.write("\n".join(text) + "\n")
        if quiet:
            machine.wait_until_quiet()
        begin = time.monotonic()
        self.run("-f", job, store=store)
        measured = {"whole": time.monotonic() - begin}
        with open(marks) as file:
            points = [line.split() for line in file]
        for label, before, after in zip(labels, points[::2], points[1::2]):
            measured[label] = float(after[0]) - float(before[0])
            measured["busy"] = busy_between(before[2:], after[2:])
        return measured

    def clear(self, *more):
        """Nothing of an earlier run is left on any host."""
        hosts = sorted({host for host, _ in self.slots})
        places = " ".join([f"{STORE}*", *more])
        self.box.on_all(f"chmod -R u+w {places} 2>/dev/null; rm -rf {places}", hosts)


def busy_between(before, after):
    """Percent, from two readings of /proc/stat's first line."""
    ticks = [int(y) - int(x) for x, y in zip(before[:8], after[:8])]
    return round(100 * (sum(ticks) - ticks[3] - ticks[4]) / max(1, sum(ticks)))


class Serving:
    """`daft-run serve`, up at the block's beginning and gone at its end."""

    def __init__(self, command, environment, is_up, quit_command):
        self.command, self.environment, self.is_up, self.quit = command, environment, is_up, quit_command

    def __enter__(self):
        self.process = subprocess.Popen(
            self.command, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True
        )
        deadline = time.monotonic() + 60
        while not self.is_up():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError("serve did not come up: " + self.process.stderr.read()[-600:])
            time.sleep(0.1)
        return self

    def __exit__(self, *_):
        subprocess.run(self.quit, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=30)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise


def serving_in_box(job):
    """A job that serves; it is up when the door of each data server answers."""
    doors = [host for host, _ in job.slots[1:]]
    knock = f"{job.daft} --store {STORE} ls >/dev/null 2>&1"

    def is_up():
        try:
            job.box.on_all(knock, doors)
            return True
        except RuntimeError:
            return False

    words = job.box.on(job.slots[0][0], job.command(["serve"]))
    return Serving(words, job.environment, is_up, job.box.on(doors[0], [job.daft, "--store", STORE, "quit"]))


def make_file(box, host, path, megabytes):
    """A file of random bytes on a host."""
    box.run(host, f"mkdir -p {shlex.quote(os.path.dirname(path))} && "
                  f"head -c {int(megabytes * 10**6)} /dev/urandom >{shlex.quote(path)}")


def remove(path):
    subprocess.run(["chmod", "-R", "u+w", path], stderr=subprocess.DEVNULL)
    shutil.rmtree(path, ignore_errors=True)
