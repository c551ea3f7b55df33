"""Contiguous copies between host and device, and within the device."""

from gridstone.figure import Limit, Scale, lines
from gridstone.report import Fact, Panel, Section, amount, best, label, listing, measured, series
from gridstone.units import format_value

FAMILY = "copy"
ORDER = 40
PROBES = ("copy/host_device", "copy/device")

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
    return Section(heading=heading, panels=(*_directions(host), *_device(rows)), facts=tuple(_facts(tops)))


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


def _directions(host):
    panels = []
    for direction in ("h2d", "d2h", "both"):
        chosen = host[host["direction"] == direction] if len(host) else host
        if chosen.empty:
            continue
        name = label({"direction": direction})
        known = chosen["limit"].dropna().unique()
        ceiling = (
            [Limit(label=f"limit {format_value(float(known[0]), 'B/s')}", y=float(known[0]))] if len(known) else []
        )
        svg = lines(
            series(chosen, x="bytes", by=["method"]),
            x=_BYTES,
            y=_BANDWIDTH,
            limits=ceiling,
            alt=f"Bandwidth of copies {name} over their size",
        )
        detail = " Bytes of both ways are added up." if direction == "both" else ""
        methods = " and ".join(sorted(str(m) for m in chosen["method"].unique()))
        panels.append(Panel(svg=svg, caption=f"Copies {name}: {methods} host memory.{detail}"))
    return panels


def _device(rows):
    chosen = measured(rows, "copy/device", "bandwidth")
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="bytes"), x=_BYTES, y=_BANDWIDTH, alt="Bandwidth of copies within the device over their size"
    )
    return [Panel(svg=svg, caption="Copies within the device. Each byte is read and written, and counts twice.")]
