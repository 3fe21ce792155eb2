"""The machine that the benchmarks run on: what it is, and how busy its processors are meanwhile.

All hosts of the box share it, so a figure counts only where its processors were not the limit: `Busy` says how busy
they were, in percent, over the time of a `with` block.
"""

import os
import platform
import subprocess
import time

MACHINE_BOUND_PERCENT = 80


def processor_seconds():
    """Ticks of all processors since the machine came up: those at work, and all."""
    with open("/proc/stat") as file:
        ticks = [int(word) for word in file.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


class Busy:
    """How busy the processors were, in percent, from the block's beginning to its end."""

    def __enter__(self):
        self.before = processor_seconds()
        return self

    def __exit__(self, *_):
        after = processor_seconds()
        worked, all_of_them = (after[i] - self.before[i] for i in (0, 1))
        self.percent = round(100 * worked / all_of_them) if all_of_them else 0


def process_seconds(pid):
    """Processor time of a process, user and system, with all its threads."""
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mebibytes(pid, key):
    """`VmRSS`, what a process has in memory now, or `VmHWM`, the most that it had."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key + ":")) / 1024


def children(pid, name):
    """Processes of that name that a process has started."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                with open(f"/proc/{entry}/stat") as file:
                    head, _, tail = file.read().rpartition(")")
            except OSError:
                continue
            if int(tail.split()[1]) == pid and head.partition("(")[2] == name:
                found.append(int(entry))
    return sorted(found)


def wait_until_quiet(seconds=10):
    """Waits for a moment in which others leave the processors alone, and no longer than that."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with Busy() as busy:
            time.sleep(0.5)
        if busy.percent < 15:
            return


def describe():
    """One line: what a reader compares figures by."""
    model = next(
        (line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        platform.machine(),
    )
    kib = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal"))
    mpirun = subprocess.run(["mpirun", "--version"], capture_output=True, text=True).stdout.splitlines()
    return (
        f"{model}, {os.cpu_count()} cores; {kib / 2**20:.1f} GiB of memory; Linux {platform.release()}; "
        f"{mpirun[0].replace('mpirun (', '').replace(')', '') if mpirun else 'no Open MPI'}; "
        f"load {os.getloadavg()[0]:.2f} before the run; {time.strftime('%Y-%m-%d')}."
    )
