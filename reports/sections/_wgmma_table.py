"""Every kind of wgmma in one table: its pace and latency at N = 256, its share of the limit, and where it is full."""

from pathlib import Path

from gridstone.content import load_module
from gridstone.report import Panel, percent, trusted

_html = load_module(Path(__file__).with_name("_table.py"))

HEADS = (
    "types",
    "A",
    "cycles, A in shared memory",
    "cycles, A in registers",
    "latency",
    "per SM and clock",
    "of limit",
    "full from N",
)


def panels(intervals, latency, reached, saturated_from):
    """One panel, or none where no interval at N = 256 is ok. saturated_from: of N and speed, as the section has it."""
    wide = trusted(intervals[intervals["tile_n"] == 256]) if len(intervals) else intervals
    if wide.empty:
        return []
    rows = []
    for (kind, sparse), _ in wide.groupby(["kind", "sparse"]):
        own = [_of(frame, kind, sparse) for frame in (wide, latency, reached, intervals)]
        rows.append(
            [
                kind,
                "sparse" if sparse else "dense",
                _cycles(own[0], "ss"),
                _cycles(own[0], "rs"),
                _cycles(own[1][own[1]["tile_n"] == 256] if len(own[1]) else own[1], "ss"),
                *_rate(own[2]),
                _full(own[3], saturated_from),
            ]
        )
    caption = (
        "Every kind of m64n256: cycles from one instruction to the next and from issue to completion, operations per "
        "SM and clock (a product and its addition are two; sparse ones count multiplications by zero), and the least N "
        "from which on a warpgroup alone is as fast per column as at 256: below it the type does not fill the tensor "
        "cores."
    )
    return [Panel(svg=_html.table(HEADS, rows, words=2), caption=caption, wide=True)]


def _of(rows, kind, sparse):
    if rows.empty:
        return rows
    chosen = rows[rows["kind"] == kind]
    return trusted(chosen[(chosen["sparse"] == sparse).fillna(False)]) if "sparse" in chosen else trusted(chosen)


def _cycles(rows, source):
    found = rows[rows["source"] == source]["value"] if "source" in rows else rows["value"]
    return f"{found.iloc[0]:.5g}" if len(found) else ""


def _rate(rows):
    if rows.empty:
        return ["", ""]
    row = rows.loc[rows["value"].idxmax()]
    return [f"{row['value']:.5g}", percent(row["value"] / row["limit"]) if row["limit"] == row["limit"] else ""]


def _full(rows, saturated_from):
    swept = rows[rows["source"] == "ss"] if "source" in rows else rows
    if swept["tile_n"].nunique() < 8:
        return ""
    return str(saturated_from(swept["tile_n"], swept["tile_n"] / swept["value"]))
