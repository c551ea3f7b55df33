"""Rows out of host memory: read in place by the GPU, gathered by the host, copied one by one; and the line model."""

from pathlib import Path

import pandas

from gridstone.content import load_module
from gridstone.figure import Dot, Scale, dots, lines
from gridstone.report import Panel, Section, amount, best, label, measured, series
from gridstone.units import format_bytes

_parts = ("_gather_said", "_gather_lines", "_gather_by_host", "_gather_graph")
_said, _lines, _host, _graph = (load_module(Path(__file__).with_name(f"{name}.py")) for name in _parts)

FAMILY = "gather"
ORDER = 60
PROBES = tuple(
    f"gather/{name}"
    for name in "zero_copy whole_lines in_flight distribution memory device staged copies boxes cpu epoch".split()
)

_METHODS = ("plain", "circular", "masked", "warp_per_row", "bulk", "bulk_lines")
_CLAIMED_ROW = 2048


def section(rows):
    in_place = _lines.in_place(rows)
    panels = [
        *_by_row(rows, in_place),
        *_sawtooth(in_place),
        *_alignment(in_place),
        *_in_flight(rows),
        *_dots(rows, "distribution", ("distribution", "row_bytes", "footprint"), "Rows chosen in several ways"),
        *_dots(rows, "memory", ("memory", "row_bytes", "footprint"), "Rows out of each kind of host memory"),
        *_host.panels(rows),
        *_graph.panels(rows),
    ]
    return Section(heading=_heading(rows, in_place), lead=_said.lead(rows), panels=tuple(panels))


def _heading(rows, in_place):
    far = _said.out_of_much(rows)
    conventional = _said.conventional(rows, _CLAIMED_ROW)
    top = best(far[far["row_bytes"] == _CLAIMED_ROW]) if len(far) else None
    if top is None:
        top, conventional = best(in_place[in_place["row_bytes"] == _CLAIMED_ROW]) if len(in_place) else None, None
    if top is None:
        host = best(measured(rows, "gather/cpu", "bandwidth"))
        if host is None:
            return "No gather of this run is ok"
        size = format_bytes(int(host["row_bytes"]))
        return f"The host's threads gather rows of {size} at {amount(host['value'], 'B/s')}"
    claim = f"The GPU reads rows of {format_bytes(_CLAIMED_ROW)} in place at {amount(top['value'], 'B/s')}"
    if conventional is None:
        return claim
    return f"{claim}, {top['value'] / conventional['value']:.2f} times the host's gather and copy"


def _by_row(rows, in_place):
    """The best of each method over the row's bytes, beside the host's gather and copy and the GPU's own memory."""
    parts = [in_place[in_place["align"] == 0]] if len(in_place) else []
    staged = measured(rows, "gather/staged", "bandwidth")
    if len(staged):
        parts.append(staged.assign(method="by the host, then copied"))
    copies = measured(rows, "gather/copies", "bandwidth", method="per_row")
    if len(copies):
        parts.append(copies.assign(method="a copy per row"))
    if not parts:
        return []
    chosen = pandas.concat(parts)
    chosen = chosen[chosen["row_bytes"].astype(int).map(lambda size: size & (size - 1) == 0)]
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="row_bytes", by=["method"], first=_METHODS),
        x=_host.ROW,
        y=_host.LOG_BANDWIDTH,
        limits=_host.limit(chosen),
        alt="Bandwidth of gathers from host memory over the bytes per row",
        wide=True,
    )
    caption = "Rows in random order out of 256 MiB of page-locked memory, aligned; bytes of the rows."
    upper = best(measured(rows, "gather/device", "bandwidth"))
    if upper is not None:
        caption += f" Out of the GPU's own memory the best is {amount(upper['value'], 'B/s')}."
    return [Panel(svg=svg, caption=caption, wide=True)]


def _sawtooth(in_place):
    near = in_place[in_place["row_bytes"].between(2048, 2176) & (in_place["align"] == 0)] if len(in_place) else in_place
    if len(near) == 0 or near["row_bytes"].nunique() < 3:
        return []
    svg = lines(
        series(near, x="row_bytes", by=["method"], first=_METHODS),
        x=Scale(label="bytes per row"),
        y=Scale(label="bandwidth", unit="B/s"),
        alt="Bandwidth of gathers over rows of 2,048 to 2,176 bytes",
    )
    caption = "Rows of 2,048 to 2,176 bytes, one behind the other: but for the ends, they begin anywhere in a line."
    return [Panel(svg=svg, caption=caption)]


def _alignment(in_place):
    panels = []
    for row_bytes in sorted(in_place["row_bytes"].unique()) if len(in_place) else []:
        chosen = in_place[(in_place["row_bytes"] == row_bytes)]
        if chosen["align"].nunique() < 3:
            continue
        svg = lines(
            series(chosen, x="align", by=["method"], first=_METHODS),
            x=Scale(label="bytes behind a boundary of 128"),
            y=Scale(label="bandwidth", unit="B/s"),
            alt=f"Bandwidth of gathers of {row_bytes} bytes over their alignment",
        )
        panels.append(Panel(svg=svg, caption=f"Rows of {format_bytes(int(row_bytes))} by their alignment."))
    return panels


def _in_flight(rows):
    chosen = measured(rows, "gather/in_flight", "bandwidth")
    if chosen.empty or chosen["sms"].nunique() < 2:
        return []
    plain = chosen[(chosen["method"] == "plain") & (chosen["vector"] == 16)]
    panels = []
    for part, by, what in (
        (plain, ["warps", "unroll"], "by plain loads of 16 bytes"),
        (chosen[chosen["method"] == "bulk"], ["unroll"], "by bulk copies of four warps per SM"),
    ):
        if len(part):
            named = part.rename(columns={"unroll": "under_way"})
            svg = lines(
                series(named, x="sms", by=["under_way" if name == "unroll" else name for name in by]),
                x=Scale(label="SMs", log=True),
                y=_host.BANDWIDTH,
                limits=_host.limit(part),
                alt=f"Bandwidth of gathers {what} over the SMs used",
            )
            panels.append(
                Panel(svg=svg, caption=f"Rows of 4 KiB {what}; under way: loads per thread, or rows per warp.")
            )
    return panels


def _dots(rows, name, axes, what):
    chosen = measured(rows, f"gather/{name}", "bandwidth")
    if chosen.empty:
        return []
    varied = [axis for axis in axes if chosen[axis].nunique() > 1] or [axes[0]]
    found = chosen.sort_values("value", ascending=False).drop_duplicates(varied).sort_values(varied)
    entries = [
        Dot(
            label=", ".join(_short(axis, row[axis]) for axis in varied),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            group=str(row[varied[0]]),
            flawed=row["status"] != "ok",
        )
        for row in found.to_dict("records")
    ]
    return [
        Panel(
            svg=dots(entries, x=_host.BANDWIDTH, alt=f"{what}: bandwidth"),
            caption=f"{what}, by plain loads of 16 bytes.",
        )
    ]


def _short(axis, value):
    """A word, or bytes: of a row, or of the table that it is out of."""
    if isinstance(value, str):
        return label({axis: value})
    return f"{'of ' if axis == 'footprint' else ''}{format_bytes(int(value))}"
