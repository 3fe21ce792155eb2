"""The cluster in a box, from Python: `with Box(5, "400mbit") as box:`, and it is gone at the block's end.

However the program ends, the box ends: a guard waits at a pipe that closes with this process, killed or not.
"""

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time

SCRIPT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "box", "box.sh")


class Box:
    def __init__(self, hosts, rate, scratch="tmpfs"):
        self.count, self.link_rate = hosts, rate
        self.place = tempfile.mkdtemp(prefix="daft-bench-box.")
        # What all hosts see, under the same path: programs, job files, marks.
        self.shared = os.path.join(self.place, "shared")
        os.mkdir(self.shared)
        self.environment = dict(
            os.environ, BOX_DIR=os.path.join(self.place, "box"), BOX_SCRATCH=scratch, BOX_BIND=self.shared
        )

    def __enter__(self):
        guard = 'read -r _; "$0" down; rm -rf --one-file-system "$1"'
        self.guard = subprocess.Popen(
            ["bash", "-c", guard, SCRIPT, self.place], stdin=subprocess.PIPE, env=self.environment,
            start_new_session=True,
        )
        try:
            self.script("up", str(self.count), self.link_rate)
            self.pids = [self.first_process(host) for host in range(self.count)]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.guard.stdin.close()
        self.guard.wait()

    def first_process(self, host):
        with open(os.path.join(self.place, "box", f"n{host}", "pid")) as file:
            return file.read().strip()

    def script(self, *words):
        done = subprocess.run([SCRIPT, *words], env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"box.sh {' '.join(words)}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def on(self, host, command):
        """The words that run `command`, words or a line of shell, on a host."""
        return ["nsenter", "-t", self.pids[host], "-n", "-m", "-u", "-i", "-p", "-r", "-w", *self.words(command)]

    @staticmethod
    def words(command):
        return ["bash", "-c", command] if isinstance(command, str) else list(command)

    def run(self, host, command, timeout=600, **options):
        """Runs it to its end; what it printed. An error names the command and its first words. What hangs is ended on
        the host itself, as the end of nsenter alone would not reach it."""
        words = self.on(host, ["timeout", "-k", "10", str(timeout), *self.words(command)])
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, **options)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip())[:600]
            raise RuntimeError(f"n{host}: {command}: status {done.returncode}: {said}")
        return done.stdout

    def start(self, host, command, **options):
        """Starts it and comes back."""
        return subprocess.Popen(self.on(host, command), **{"stdin": subprocess.DEVNULL, **options})

    def on_all(self, command, hosts=None, timeout=600):
        """Runs it on several hosts at the same time."""
        hosts = range(self.count) if hosts is None else hosts
        words = ["timeout", "-k", "10", str(timeout), *self.words(command)]
        running = [(host, self.start(host, words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
                   for host in hosts]
        outputs = [(host, process.communicate()[0], process.returncode) for host, process in running]
        for host, output, status in outputs:
            if status:
                raise RuntimeError(f"n{host}: {command}: status {status}: {output.strip()[-600:]}")
        return [output for _, output, _ in outputs]

    def rate(self, host, rate):
        self.script("rate", str(host), rate)

    def power_off(self, host):
        self.script("kill", str(host))

    def boot(self, host):
        """Starts one that was powered off, with nothing in memory of what it had there."""
        self.script("boot", str(host))
        self.pids[host] = self.first_process(host)
        self.run(host, "for _ in $(seq 100); do : </dev/tcp/127.0.0.1/22 && exit; sleep 0.05; done 2>/dev/null; exit 1")

    def sent_bytes(self):
        """What each host has sent since it came up, counted at the switch."""
        return [int(line.split()[2]) for line in self.script("stat").splitlines()]

    def share(self, path, name=None):
        """Puts a copy of a file where all hosts see it; its path there."""
        target = os.path.join(self.shared, name or os.path.basename(path))
        shutil.copy(path, target)
        return target

    def payload_rate(self, sources, target, seconds=3, takes=3):
        """iperf3's rate in bytes a second from the sources, together, to the target: the median of some takes."""
        ports = [5201 + i for i in range(len(sources))]
        for port in ports:
            self.run(target, f"iperf3 -s -D -I /run/iperf3-{port} -p {port}")
        time.sleep(0.3)
        rates = []
        for _ in range(takes):
            running = [
                self.start(source, ["iperf3", "-J", "-t", str(seconds), "-c", f"n{target}", "-p", str(port)],
                           stdout=subprocess.PIPE, text=True)
                for source, port in zip(sources, ports)
            ]
            ends = [json.loads(process.communicate()[0])["end"] for process in running]
            rates.append(sum(end["sum_received"]["bits_per_second"] for end in ends) / 8)
        for port in ports:
            self.run(target, f"kill $(tr -d '\\0' </run/iperf3-{port})")
        return statistics.median(rates)

    def script_file(self, name):
        """Another script of bench/box, for this box."""
        done = subprocess.run([os.path.join(os.path.dirname(SCRIPT), name)], env=self.environment,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stderr.strip()[-300:]}")
