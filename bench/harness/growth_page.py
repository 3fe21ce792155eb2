"""docs/growth.md: what more nodes and faster links would cost, by arithmetic from what was measured.

    seconds = S / rate + (N − 1) · (a + c / B)

S bytes, N receivers, B a link's payload rate, c the piece that a host has before it passes it on. `a`, what a hop
costs besides, is the slope of the growth curve less c / B. `rate` is B, or what a processor core lets through where
that is less.
"""

import re
import statistics

from harness.pages import PIECE_BYTES, machine
from harness.record import table, write_between_markers

PAGE = "docs/growth.md"
NODES = (64, 512, 10_000)
GIGABITS = (1, 10)
# Of a link's bits, those that are payload: Ethernet's, IP's and TCP's headers at 1,500 bytes a packet.
PAYLOAD = 1448 / 1538
# The order of magnitude of the least a hop can cost: a wake-up and two passes through the kernel.
LEAST_HOP_SECONDS = 50e-6


def slope(points):
    """Of the straight line that fits best, and where it begins."""
    xs, ys = zip(*points)
    middle_x, middle_y = statistics.mean(xs), statistics.mean(ys)
    rise = sum((x - middle_x) * (y - middle_y) for x, y in points) / sum((x - middle_x) ** 2 for x in xs)
    return rise, middle_y - rise * middle_x


class Measured:
    def __init__(self, results):
        grown = [row for row in results.rows if row.get("work") == "growth" and "median" in row]
        free = [row for row in grown if not row["machine_bound"]]
        self.grown = free if len(free) > 1 else grown
        first = self.grown[0]
        self.rate = first["rate"]
        self.hop, fixed = slope([(row["receivers"], row["median"]) for row in self.grown])
        self.efficiency = min(1, first["limit_seconds"] / (fixed + self.hop))
        self.extra = max(LEAST_HOP_SECONDS, self.hop - PIECE_BYTES / first["limit_rate"])
        starts = [(row["receivers"], row["whole"][len(row["whole"]) // 2] - row["median"]) for row in grown]
        self.start_each, self.start_fixed = slope(starts)
        self.unshaped = next((row for row in results.rows if "2 receivers on this machine" in row.get("what", "")
                              and "of a name" in row["what"] and "measured" in row), None)
        self.cores = int((re.search(r"(\d+) cores", results.data["machine"]) or [0, 1])[1])

    @property
    def core_rate(self):
        """Bytes a second for which a receiver needs one whole core, where nothing but the processors is in the way. What
        the sender takes of them counts as the two receivers' own."""
        if not self.unshaped:
            return float("inf")
        return 2 * self.unshaped["measured"] * 1e6 / (self.cores * self.unshaped["busy"] / 100)

    def seconds(self, size, nodes, gigabits):
        link = gigabits * 1e9 / 8 * PAYLOAD
        rate = min(link * self.efficiency, self.core_rate)
        least, most = ((nodes - 1) * (extra + PIECE_BYTES / link) for extra in (LEAST_HOP_SECONDS, self.extra))
        return size / rate + least, size / rate + most, "the link" if rate < self.core_rate else "a core"


def shown(seconds):
    return f"{seconds:.0f}" if seconds >= 100 else f"{seconds:.3g}"


def write(results):
    if sum(row.get("work") == "growth" and "median" in row for row in results.rows) < 2:
        print(f"{PAGE} stays as it is: there are no two points of the growth curve")
        return
    measured = Measured(results)
    facts = [
        ["a hop, by the growth curve, two processors for all hosts", f"{1000 * measured.hop:.2f} ms at {measured.rate}"],
        ["a, at most; at least (assumed)", f"{1000 * measured.extra:.2f} ms; {1000 * LEAST_HOP_SECONDS:.2f} ms"],
        ["share of iperf3's rate without hops", f"{measured.efficiency:.3f}"],
        ["one core receives, hashes, writes, forwards",
         f"{measured.core_rate / 1e9:.2f} GB/s" if measured.unshaped else "not measured"],
        ["mpirun in the box", f"{measured.start_fixed:.2f} s and {1000 * measured.start_each:.0f} ms per host"],
    ]
    rows = []
    for gigabits in GIGABITS:
        for nodes in NODES:
            cells = [f"{gigabits} Gbit/s", f"{nodes:,}"]
            for size in (500e6, 50e9):
                least, most, set_by = measured.seconds(size, nodes, gigabits)
                cells.append(f"{shown(least)}–{shown(most)} s")
            cells.append(set_by)
            rows.append(cells)
    head = ["link", "nodes", "500 MB", "50 GB", "rate set by"]
    facts_table, rows_table = table(["measured", ""], facts), table(head, rows)
    write_between_markers(PAGE, "growth", f"{machine(results)}{facts_table}\n\n{rows_table}\n")
