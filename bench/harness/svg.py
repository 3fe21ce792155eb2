"""Plots as SVG, written by hand: bars in groups, and lines over a logarithmic or plain axis. No library."""

import math
from html import escape

COLOURS = ["#1b6ca8", "#c8553d", "#588157", "#8d6a9f", "#b08900", "#4a4e69"]
FONT = 'font-family="sans-serif"'


class Canvas:
    def __init__(self, width, height, title):
        self.width, self.height = width, height
        self.parts = []
        self.text(16, 24, title, size=15, weight="bold")

    def text(self, x, y, words, size=12, anchor="start", weight="normal", colour="#222"):
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" {FONT} font-size="{size}" text-anchor="{anchor}" '
                          f'font-weight="{weight}" fill="{colour}">{escape(str(words))}</text>')

    def line(self, x1, y1, x2, y2, colour="#bbb", width=1, dash=""):
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
                          f'stroke-width="{width}"{dashes}/>')

    def bar(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>')

    def dot(self, x, y, colour):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>')

    def save(self, path):
        with open(path, "w") as file:
            file.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width}" height="{self.height}" '
                       f'viewBox="0 0 {self.width} {self.height}">\n'
                       f'<rect width="{self.width}" height="{self.height}" fill="white"/>\n')
            file.write("\n".join(self.parts) + "\n</svg>\n")


def bars(path, title, groups, unit):
    """`groups` is [(heading, [(label, value, remark)])]; every bar lies, with its value behind it; 1 is the limit."""
    row, left, right = 20, 210, 620
    height = 60 + sum(34 + row * len(items) for _, items in groups)
    canvas = Canvas(760, height, title)
    y = 44
    for heading, items in groups:
        canvas.text(16, y + 12, heading, weight="bold")
        y += 22
        bottom = y + row * len(items)
        for tick in (0.25, 0.5, 0.75, 1):
            x = left + (right - left) * tick
            canvas.line(x, y, x, bottom, "#888" if tick == 1 else "#ddd", dash="" if tick == 1 else "3,3")
        for label, value, remark in items:
            colour = COLOURS[0] if label == "daft" else "#a9b4c2"
            canvas.text(left - 8, y + 13, label, anchor="end", weight="bold" if label == "daft" else "normal")
            canvas.bar(left, y + 3, (right - left) * min(value, 1.05), row - 7, colour)
            canvas.text(left + (right - left) * min(value, 1.05) + 6, y + 13, f"{value:.2f} {remark}", size=11)
            y += row
        y += 12
    canvas.text((left + right) / 2, height - 8, unit, anchor="middle", colour="#555")
    canvas.save(path)


def nice_step(least):
    """1, 2 or 5 times a power of ten, and not less."""
    power = 10 ** math.floor(math.log10(least))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least)


def curve(path, title, series, x_label, y_label):
    """`series` is [(name, [(x, y)], dashed)], both axes from zero."""
    width, height, left, right, top, bottom = 760, 420, 70, 560, 50, 360
    canvas = Canvas(width, height, title)
    greatest_x = max(x for _, points, _ in series for x, _ in points) * 1.05
    step = nice_step(max(y for _, points, _ in series for _, y in points) / 4)
    greatest_y = 5 * step

    def place(x, y):
        return left + (right - left) * x / greatest_x, bottom - (bottom - top) * y / greatest_y

    for k in range(6):
        _, y = place(0, step * k)
        canvas.line(left, y, right, y, "#ddd")
        canvas.text(left - 8, y + 4, f"{step * k:g}", anchor="end")
    for x in sorted({x for _, points, dashed in series for x, _ in points if not dashed}):
        canvas.text(place(x, 0)[0], bottom + 18, x, anchor="middle")
    for k, (name, points, dashed) in enumerate(series):
        placed = [place(*point) for point in points]
        for (x1, y1), (x2, y2) in zip(placed, placed[1:]):
            canvas.line(x1, y1, x2, y2, COLOURS[k], 2, "6,4" if dashed else "")
        if not dashed:
            for x, y in placed:
                canvas.dot(x, y, COLOURS[k])
        canvas.text(placed[-1][0] + 10, placed[-1][1] + 4 + 14 * (k - len(series) / 2), name, colour=COLOURS[k])
    canvas.text((left + right) / 2, height - 12, x_label, anchor="middle")
    canvas.text(left - 40, top - 8, y_label)
    canvas.save(path)
