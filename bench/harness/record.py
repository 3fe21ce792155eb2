"""What was measured: rows, their medians and goals; kept as JSON, shown as Markdown between two markers.

A row has one or more takes of a thing, in seconds, and says what it is held against. All rows of a benchmark go to
bench/results/NAME.json, so that tables, plots and the arithmetic of docs/growth.md are made again without measuring.
"""

import json
import os
import statistics

from harness import machine

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
RESULTS = os.path.join(ROOT, "bench", "results")


class Takes:
    """Repetitions of one thing: how long each took, and how busy the processors were."""

    def __init__(self):
        self.seconds, self.busy = [], []

    def add(self, seconds, busy):
        self.seconds.append(round(seconds, 5))
        self.busy.append(busy)

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def busy_percent(self):
        return round(statistics.median(self.busy))

    @property
    def is_machine_bound(self):
        return self.busy_percent > machine.MACHINE_BOUND_PERCENT

    @property
    def spread(self):
        """From the fastest to the slowest, as text."""
        return f"{min(self.seconds):.3g}–{max(self.seconds):.3g}"


def goal(ratio, at_least=None, at_most=None):
    """The goal's words, and whether it is met."""
    if at_least is not None:
        return f"≥ {at_least:g}", ratio >= at_least
    if at_most is not None:
        return f"≤ {at_most:g}", ratio <= at_most
    return "", None


class Results:
    """Everything that one benchmark measured, part by part, in the order in which it is shown."""

    def __init__(self, name, keep=False):
        """With `keep`, rows of earlier runs stay until their part is measured again."""
        self.path = os.path.join(RESULTS, f"{name}.json")
        self.data = {"machine": machine.describe(), "rows": []}
        self.part = ""
        if keep and os.path.exists(self.path):
            self.data["rows"] = Results.load(name).rows

    @classmethod
    def load(cls, name):
        results = cls.__new__(cls)
        results.path = os.path.join(RESULTS, f"{name}.json")
        with open(results.path) as file:
            results.data = json.load(file)
        return results

    @property
    def rows(self):
        return self.data["rows"]

    def begin(self, part):
        self.part = part
        self.place = next((i for i, row in enumerate(self.rows) if row["part"] == part), len(self.rows))
        self.data["rows"] = [row for row in self.rows if row["part"] != part]

    def add(self, **row):
        """Keeps a row at once, so that what was measured before something failed is not lost."""
        self.rows.insert(self.place, {"part": self.part, **row})
        self.place += 1
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        with open(self.path, "w") as file:
            json.dump(self.data, file, indent=1, ensure_ascii=False)
            file.write("\n")
        shown = {key: value for key, value in row.items() if value not in (None, "", [])}
        print("  " + "; ".join(f"{key} {value}" for key, value in shown.items()), flush=True)


def plain(results, what, unit, value, at_most=None, at_least=None, seconds=None, note=""):
    """A row of one figure."""
    words, met = goal(value, at_least, at_most)
    results.add(what=what, measured=round(value, 4), unit=unit, goal=words, met=met,
                seconds=seconds.seconds if seconds else [], spread=seconds.spread if seconds else "",
                busy=seconds.busy_percent if seconds else None,
                machine_bound=bool(seconds and seconds.is_machine_bound), note=note)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def write_between_markers(page, name, text):
    """Puts `text` between `<!-- daft-bench NAME: begin -->` and its end, in a page that has both."""
    path = os.path.join(ROOT, page)
    with open(path) as file:
        old = file.read()
    begin, end = f"<!-- daft-bench {name}: begin -->\n", f"<!-- daft-bench {name}: end -->"
    before, found, rest = old.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{page} has no place for {name}")
    with open(path, "w") as file:
        file.write(before + begin + text.rstrip("\n") + "\n" + end + after)
