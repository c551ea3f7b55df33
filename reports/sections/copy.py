"""Contiguous copies between host and device, and within the device."""

import pandas

from gridstone.figure import Limit, Scale, lines
from gridstone.report import Fact, Panel, Section, amount, best, label, listing, measured, series
from gridstone.units import format_value

FAMILY = "copy"
ORDER = 40
PROBES = ("copy/host_device", "copy/mapped", "copy/device")

_METHODS = ("pinned", "pageable", "mapped")
_BYTES = Scale(label="bytes copied", unit="B", log=True)
_BANDWIDTH = Scale(label="bandwidth", unit="B/s", log=True)


def section(rows):
    host = measured(rows, "copy/host_device", "bandwidth")
    tops = {direction: _best(host, direction) for direction in ("h2d", "d2h", "both")}
    claims = [
        f"{amount(row['value'], 'B/s')} {label({'direction': direction})}"
        for direction, row in tops.items()
        if row is not None
    ]
    if claims:
        heading = "Copies reach " + listing(claims)
    else:
        inside = best(measured(rows, "copy/device", "bandwidth"))
        heading = (
            "No copy of this run is ok"
            if inside is None
            else (f"Copies within the device reach {amount(inside['value'], 'B/s')}")
        )
    panels = (*_directions(host, measured(rows, "copy/mapped", "bandwidth")), *_device(rows))
    return Section(heading=heading, panels=panels, facts=tuple(_facts(tops)))


def _best(rows, direction):
    return best(rows[rows["direction"] == direction]) if len(rows) else None


def _facts(tops):
    row = tops["h2d"]
    if row is not None:
        yield Fact(
            quantity="pcie5_h2d",
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            n=int(row["n"]),
            unit="B/s",
            better="higher",
            limit=row["limit"] if row["limit"] == row["limit"] else None,
        )


def _directions(host, mapped):
    """A panel per direction; a kernel's walk over mapped memory is one more method beside the copy engines."""
    panels = []
    copied = [host, mapped.assign(method="mapped")] if len(mapped) else [host]
    for direction in ("h2d", "d2h", "both"):
        parts = [part[part["direction"] == direction] for part in copied if len(part)]
        chosen = pandas.concat(parts) if parts else host
        if chosen.empty:
            continue
        name = label({"direction": direction})
        known = chosen["limit"].dropna().unique()
        ceiling = (
            [Limit(label=f"limit {format_value(float(known[0]), 'B/s')}", y=float(known[0]))] if len(known) else []
        )
        svg = lines(
            series(chosen, x="bytes", by=["method"], first=_METHODS),
            x=_BYTES,
            y=_BANDWIDTH,
            limits=ceiling,
            alt=f"Bandwidth of copies {name} over their size",
        )
        methods = [method for method in _METHODS if (chosen["method"] == method).any()]
        caption = f"Copies {name}: {listing(methods)} host memory."
        if direction == "both":
            caption += " Bytes of both ways are added up."
        if "mapped" in methods:
            caption += " Mapped: read or written by a kernel over PCIe."
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _device(rows):
    chosen = measured(rows, "copy/device", "bandwidth")
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="bytes"), x=_BYTES, y=_BANDWIDTH, alt="Bandwidth of copies within the device over their size"
    )
    return [Panel(svg=svg, caption="Copies within the device. Each byte is read and written, and counts twice.")]
