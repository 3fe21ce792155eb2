"""Tables of docs/benchmarks.md, made from results."""

from harness.record import mark, table, write_between_markers

PAGE = "docs/benchmarks.md"


def busy(row):
    if row.get("busy") is None:
        return ""
    return f"{row['busy']} %" + (" machine-bound" if row["machine_bound"] else "")


def failures(rows):
    return "".join(f"\n{row['what']}: {row['note']}\n" for row in rows if "measured" not in row)


def link(results):
    rows = [row for row in results.rows if "measured" in row]
    head = ["what", "daft", "beside", "ratio", "goal", "ok", "seconds, fastest to slowest", "processors busy"]
    cells = [
        [row["what"], row["measured"], row["against"], row["ratio"], row["goal"], mark(row["met"]), row["spread"],
         busy(row)]
        for row in rows
    ]
    text = f"Machine: {results.data['machine']}\n\n" + table(head, cells) + "\n" + failures(results.rows)
    write_between_markers(PAGE, "link", text)
