"""daft as a system of workstations: started by `daft start` over ssh on the hosts of a box, used by clients, and ended.

The metadata server is on n0, and a data server on each of the others; what they keep is in memory.
"""

import os
import subprocess
import time

from harness.daft import STORE, program
from harness.machine import Busy, wait_until_quiet
from harness.machine_rows import process_of

CACHE = "/root/.cache/daft"


class Workstations:
    """As a block: it runs from its beginning to its end, and leaves nothing but the program on the hosts."""

    def __init__(self, box, count, *options):
        self.box, self.options = box, options
        self.hosts = range(1, count + 1)
        self.daft = box.share(program("daft"))
        self.host_file = os.path.join(box.shared, "workstations")
        with open(self.host_file, "w") as file:
            file.writelines(f"n{host}\n" for host in self.hosts)

    def __enter__(self):
        self.clear()
        self.start()
        return self

    def __exit__(self, kind, *_):
        # After an error the box ends, and with it whatever runs.
        if kind is None:
            self.end()

    def client(self, *words):
        return [self.daft, "--store", STORE, *words]

    def start(self):
        """From prompt to prompt, when all data servers run and have joined."""
        return self.timed(0, self.client("start", self.host_file, *self.options))

    def run(self, host, *words):
        """A client's command on a host, from prompt to prompt."""
        return self.timed(host, self.client("--no-progress", *words))

    def timed(self, host, words):
        wait_until_quiet()
        with Busy() as busy:
            begin = time.monotonic()
            self.box.run(host, words)
            seconds = time.monotonic() - begin
        return seconds, busy.percent

    def run_while_one_dies(self, victim, after_seconds, *words):
        """A client's command on n0, and a host is powered off meanwhile: seconds, how busy it was, the exit status,
        and what was said."""
        wait_until_quiet()
        with Busy() as busy:
            begin = time.monotonic()
            process = self.box.start(0, ["timeout", "-k", "10", "400", *self.client("--no-progress", *words)],
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            time.sleep(after_seconds)
            self.box.power_off(victim)
            said = process.communicate()[0]
            seconds = time.monotonic() - begin
        return seconds, busy.percent, process.returncode, said

    def process(self, host):
        """The server on a host, as this machine numbers it."""
        return process_of(self.box, host, "daft")

    def end(self):
        """Ends it, and waits until no server runs any more."""
        self.box.run(0, self.client("quit"))
        gone = "for _ in $(seq 150); do pgrep '^daft' >/dev/null || exit 0; sleep 0.1; done; pgrep -a '^daft'; exit 1"
        self.box.on_all(gone)
        self.clear()

    def clear(self):
        self.box.on_all(f"chmod -R u+w {STORE}* 2>/dev/null; rm -rf {STORE}*")

    def forget_program(self):
        """The next start finds no program on any host."""
        self.box.on_all(f"rm -rf {CACHE}")
