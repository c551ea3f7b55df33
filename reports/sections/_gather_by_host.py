"""Panels on the conventional ways of a gather: the host's threads and a copy, copies of the driver, copies of boxes."""

from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.report import Panel, label, measured, series
from gridstone.units import format_value

ROW = Scale(label="bytes per row", unit="B", log=True)
BANDWIDTH = Scale(label="bandwidth", unit="B/s", start=0)
LOG_BANDWIDTH = Scale(label="bandwidth", unit="B/s", log=True)


def panels(rows):
    """All panels on the host's and the driver's ways."""
    return [*_staged(rows), *_copies(rows), *_boxes(rows), *_host(rows)]


def limit(rows):
    """The line of the link's limit, where it is known."""
    known = rows["limit"].dropna().unique()
    return [Limit(label=f"limit {format_value(float(known[0]), 'B/s')}", y=float(known[0]))] if len(known) else []


def _staged(rows):
    chosen = measured(rows, "gather/staged", "bandwidth")
    if chosen.empty or chosen["row_bytes"].nunique() < 2:
        return []
    pinned = chosen[chosen["memory"] == "pinned"]
    svg = lines(
        series(pinned, x="row_bytes", by=["method", "threads"], first=("single", "double")),
        x=ROW,
        y=LOG_BANDWIDTH,
        alt="Bandwidth of gathers by the host's threads and a copy over the bytes per row",
    )
    caption = "Gathered by threads of the host into page-locked memory and copied; double: two buffers take turns."
    return [Panel(svg=svg, caption=caption)]


def _copies(rows):
    chosen = measured(rows, "gather/copies", "bandwidth")
    if chosen.empty or chosen["row_bytes"].nunique() < 2:
        return []
    svg = lines(
        series(chosen, x="row_bytes", by=["method"], first=("per_row", "batch", "strided")),
        x=ROW,
        y=LOG_BANDWIDTH,
        limits=limit(chosen),
        alt="Bandwidth of 1,024 rows copied by the driver over the bytes per row",
    )
    caption = "1,024 rows copied by the driver: a call for each, one batched call, or every second row by one 2-D copy."
    return [Panel(svg=svg, caption=caption)]


def _boxes(rows):
    chosen = measured(rows, "gather/boxes", "bandwidth")
    if chosen.empty:
        return []
    axes = ("library", "method", "memory", "row_bytes")
    entries = [
        Dot(
            label=", ".join(_word(axis, row[axis]) for axis in axes),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=str(row["library"]),
            flawed=row["status"] != "ok",
        )
        for row in chosen.sort_values(list(axes)).to_dict("records")
    ]
    svg = dots(entries, x=BANDWIDTH, alt="Bandwidth of boxes of rows copied by one call of the driver")
    return [Panel(svg=svg, caption="Every second row of a box by one 2-D or 3-D copy, out of a library's own memory.")]


def _word(axis, value):
    return label({axis: value}) if isinstance(value, str) else label({axis: int(value)})


def _host(rows):
    chosen = measured(rows, "gather/cpu", "bandwidth")
    if chosen.empty:
        return []
    entries = [
        Dot(
            label=label({"row_bytes": int(row["row_bytes"]), "threads": int(row["threads"])}),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=str(row["threads"]),
            flawed=row["status"] != "ok",
        )
        for row in chosen.sort_values(["threads", "row_bytes"]).to_dict("records")
    ]
    svg = dots(entries, x=BANDWIDTH, alt="Bandwidth of the host's part of a gather")
    return [Panel(svg=svg, caption="The host's part alone: random rows of 256 MiB into 4 MiB of staging memory.")]
