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


class JobFile:
    """Lines of a job file, those that are `(label, line)` marked before and after."""

    def __init__(self, place, lines):
        self.marks, self.path = os.path.join(place, "marks"), os.path.join(place, "job")
        self.labels = [line[0] for line in lines if not isinstance(line, str)]
        mark = f"!echo $(date +%s.%N) $(head -1 /proc/stat) >>{self.marks}"
        text = [[line] if isinstance(line, str) else [mark, line[1], mark] for line in lines]
        with open(self.path, "w") as file:
            file.writelines(line + "\n" for some in text for line in some)
        open(self.marks, "w").close()

    def measured(self):
        """Seconds by label, and under "busy" how busy the processors were during the last one."""
        with open(self.marks) as file:
            points = [line.split() for line in file]
        measured = {}
        for label, before, after in zip(self.labels, points[::2], points[1::2]):
            measured[label] = float(after[0]) - float(before[0])
            ticks = [int(y) - int(x) for x, y in zip(before[2:10], after[2:10])]
            measured["busy"] = round(100 * (sum(ticks) - ticks[3] - ticks[4]) / max(1, sum(ticks)))
        return measured


class Job:
    """daft-run, started by mpirun; `timed` is the same wherever its ranks are."""

    environment = dict(os.environ, **AS_ROOT)

    def timed(self, lines):
        """Runs a job file, as `JobFile` has it; besides its measures the whole time, mpirun's start included, as
        "whole"."""
        job = JobFile(self.shared, lines)
        machine.wait_until_quiet()
        begin = time.monotonic()
        self.run("-f", job.path)
        whole = time.monotonic() - begin
        return {"whole": whole, **job.measured()}


class BoxJob(Job):
    """On hosts of a box: rank 0 on the first slot, a data server on each of the others. `slots` is [(host, count)]."""

    def __init__(self, box, slots):
        self.box, self.slots, self.shared = box, slots, box.shared
        self.daft_run = box.share(program("daft-run"))
        self.daft = box.share(program("daft"))

    def command(self, words):
        options = ["--store", STORE, "--catalogue", STORE + ".catalogue", "--no-progress"]
        return mpirun_in_box(self.slots, [self.daft_run, *options, *words])

    def run(self, *words):
        return self.box.run(self.slots[0][0], self.command(words), env=self.environment)

    def client(self, *words):
        return [self.daft, "--store", STORE, *words]

    def clear(self, *more):
        """Nothing of an earlier run is left on any host."""
        hosts = sorted({host for host, _ in self.slots})
        places = " ".join([f"{STORE}*", *more])
        self.box.on_all(f"chmod -R u+w {places} 2>/dev/null; rm -rf {places}", hosts)


class LocalJob(Job):
    """All ranks on this machine, with everything they write below one directory."""

    def __init__(self, place, ranks):
        self.place, self.ranks, self.shared = place, ranks, place

    def command(self, words):
        options = ["--store", f"{self.place}/store", "--catalogue", f"{self.place}/catalogue", "--no-progress"]
        return [*mpirun_here(self.ranks), program("daft-run"), *options, *words]

    def run(self, *words):
        done = subprocess.run(self.command(words), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=self.environment, timeout=300)
        if done.returncode:
            raise RuntimeError(f"{words}: {done.stderr[:600]}")

    def clear(self):
        for name in os.listdir(self.place):
            if name.startswith(("store", "catalogue")):
                remove(os.path.join(self.place, name))


def mpirun_here(ranks):
    return ["mpirun", "--oversubscribe", "--bind-to", "none", "-np", str(ranks)]


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
    knock = " ".join(job.client("ls")) + " >/dev/null 2>&1"

    def is_up():
        try:
            job.box.on_all(knock, doors)
            return True
        except RuntimeError:
            return False

    words = job.box.on(job.slots[0][0], job.command(["serve"]))
    return Serving(words, job.environment, is_up, job.box.on(doors[0], job.client("quit")))


def make_file(box, host, path, megabytes):
    """A file of random bytes on a host."""
    box.run(host, f"mkdir -p {shlex.quote(os.path.dirname(path))} && "
                  f"head -c {int(megabytes * 10**6)} /dev/urandom >{shlex.quote(path)}")


def remove(path):
    subprocess.run(["chmod", "-R", "u+w", path], stderr=subprocess.DEVNULL)
    shutil.rmtree(path, ignore_errors=True)


def build_peer(place, name):
    """One of the broadcasts in C beside daft's: plain_bcast (without arguments, an MPI program that does nothing), or
    verified_bcast."""
    target = os.path.join(place, name)
    source = os.path.join(ROOT, "bench", name + ".c")
    subprocess.run(["mpicc", "-O2", "-o", target, source, "-lcrypto", "-lpthread"], check=True)
    return target
