"""Bandwidth of DRAM, L2, L1 and shared memory beside their limits."""

import math

from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.report import (
    Fact,
    Panel,
    Section,
    amount,
    best,
    label,
    listing,
    measured,
    nearest,
    percent,
    series,
    trusted,
)
from gridstone.units import format_bytes, format_value

FAMILY = "bandwidth"
ORDER = 10
PROBES = tuple(f"bandwidth/{name}" for name in "dram dram_regime l2 l1 shared".split())

_PATTERNS = ("read", "write", "copy", "scale", "triad")
_BYTES_PER_S = Scale(label="bandwidth", unit="B/s", start=0)


def section(rows):
    dram = measured(rows, "bandwidth/dram", "bandwidth")
    claims = _dram_claims(dram)
    panels = [*_dram(dram), *_regimes(rows), *_l2(rows, dram), *_on_chip(rows)]
    heading = f"DRAM reaches {listing(claims)}" if claims else _chip_claim(rows)
    return Section(
        heading=heading,
        lead=_lead(dram),
        panels=tuple(panels),
        facts=tuple(_facts(rows, dram)),
        headline=_headline(rows, dram),
    )


def _best(rows, **axes):
    for name, value in axes.items():
        rows = rows[rows[name] == value] if name in rows else rows[:0]
    return best(rows)


def _headline(rows, dram):
    read = _share(_best(dram, pattern="read"))
    if not read:
        return None
    spaces = {"L1": "bandwidth/l1", "shared memory": "bandwidth/shared"}
    others = {name: _share(best(measured(rows, probe, "bandwidth"))) for name, probe in spaces.items()}
    reached = [
        f"DRAM read reaches {read} of its limit",
        *(f"{name} {share}" for name, share in others.items() if share),
    ]
    return listing(reached)


def _share(row):
    return percent(row["value"] / row["limit"]) if row is not None and row["limit"] == row["limit"] else None


def _dram_claims(dram):
    found = []
    for pattern, doing in (("read", "reading"), ("write", "writing"), ("copy", "copying")):
        share = _share(_best(dram, pattern=pattern))
        if share:
            found.append(f"{share}{'' if found else ' of its limit'} {doing}")
    return found


def _chip_claim(rows):
    words = []
    for space, name in (("l1", "L1"), ("shared", "shared memory"), ("l2", "L2")):
        row = best(measured(rows, f"bandwidth/{space}", "bandwidth"))
        if row is not None:
            words.append(f"{name} gives {amount(row['value'], 'B/s')}")
    return ", ".join(words) or "No bandwidth cell of this run is ok"


def _lead(dram):
    good = trusted(dram[dram["limit"].notna()])
    if good.empty:
        return ""
    largest = good["bytes"].max()
    return (
        f"Arrays of up to {format_bytes(int(largest))}; the bytes that the program asks for, each array counted once. "
        f"Limit: {format_value(good['limit'].iloc[0], 'B/s')}, {good['limit_kind'].iloc[0]}."
    )


def _dram(dram):
    if dram.empty:
        return []
    ladders = {
        "bytes": ("array size", "B", "the best over vector width, unroll and occupancy"),
        "warps": ("warps per SM", "", "on the largest arrays"),
        "vector": ("bytes per access", "B", "on the largest arrays"),
        "unroll": ("accesses in flight per thread", "", "on the largest arrays"),
    }
    pictured = {}
    for axis in ladders:
        chosen = dram if axis == "bytes" else _largest(dram)
        if axis in chosen and chosen[axis].nunique() > 1:
            pictured[axis] = series(chosen, x=axis, by=["pattern"], first=_PATTERNS)
    lowest = min((v for listed in pictured.values() for one in listed for v in one.lo), default=0.0)
    y = Scale(label="bandwidth", unit="B/s", start=math.floor(lowest / 1e11) * 1e11)
    panels = []
    for axis, listed in pictured.items():
        name, unit, scope = ladders[axis]
        svg = lines(
            listed,
            x=Scale(label=name, unit=unit, log=True),
            y=y,
            limits=_limits(dram),
            alt=f"DRAM bandwidth by {name}",
        )
        caption = f"DRAM by {name}, {scope}; the vertical axis starts at {amount(y.start, 'B/s')}."
        panels.append(Panel(svg=svg, caption=caption))
    return panels or [_patterns(dram)]


def _patterns(dram):
    rows = [row for pattern in _PATTERNS if (row := _best(dram, pattern=pattern)) is not None]
    entries = [Dot(label=row["pattern"], value=row["value"], lo=row["lo"], hi=row["hi"]) for row in rows]
    if not entries:
        entries = [
            Dot(label=row["pattern"], value=row["value"], lo=row["lo"], hi=row["hi"], flawed=True)
            for row in dram.to_dict("records")
        ]
    svg = dots(entries, x=_BYTES_PER_S, alt="DRAM bandwidth by pattern")
    return Panel(svg=svg, caption="DRAM by pattern, the best cell of each.")


def _largest(rows):
    return nearest(rows, "bytes", float(rows["bytes"].max()))


def _limits(rows, of=""):
    known = rows["limit"].dropna().unique()
    if len(known) != 1:
        return []
    return [Limit(label=f"{of}limit {format_value(float(known[0]), rows['unit'].iloc[0])}", y=float(known[0]))]


def _regimes(rows):
    chosen = measured(rows, "bandwidth/dram_regime", "bandwidth")
    if chosen.empty:
        return []
    power = measured(rows, "bandwidth/dram_regime", "power").set_index("cell_id")["value"].to_dict()
    entries = [
        Dot(
            label=label({"pattern": row["pattern"], "regime": row["regime"]})
            + (f", {power[row['cell_id']]:.0f} W" if row["cell_id"] in power else ""),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            flawed=row["status"] != "ok",
        )
        for row in chosen.sort_values(["pattern", "regime"], ascending=[False, True]).to_dict("records")
    ]
    svg = dots(entries, x=_BYTES_PER_S, alt="DRAM bandwidth in bursts and at power equilibrium, with the power drawn")
    return [Panel(svg=svg, caption="In a burst from rest, and sustained at power equilibrium, with the power drawn.")]


def _l2(rows, dram):
    chosen = measured(rows, "bandwidth/l2", "bandwidth")
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="footprint", by=["pattern"], first=_PATTERNS),
        x=Scale(label="footprint", unit="B", log=True),
        y=_BYTES_PER_S,
        limits=_limits(dram, "DRAM ") if len(dram) else [],
        alt="Bandwidth over the footprint, from L2 into DRAM",
    )
    caption = "All SMs pass over one footprint, around L1: L2 while it fits, DRAM beyond. Small ones are over too soon."
    return [Panel(svg=svg, caption=caption)]


def _on_chip(rows):
    panels = []
    for space, name in (("l1", "L1"), ("shared", "Shared memory")):
        chosen = measured(rows, f"bandwidth/{space}", "bandwidth_sm")
        if chosen.empty:
            continue
        per_clock = Scale(label="bytes per SM and clock", unit="B/cycle", start=0)
        alt = f"{name} bandwidth per SM and clock by warps and bytes per access"
        if chosen["warps"].nunique() > 1:
            svg = lines(
                series(chosen, x="warps", by=["vector"]),
                x=Scale(label="warps per SM", log=True),
                y=per_clock,
                limits=_limits(chosen),
                alt=alt,
            )
        else:
            entries = [
                Dot(
                    label=label({"vector": row["vector"], "warps": row["warps"]}),
                    value=row["value"],
                    lo=row["lo"],
                    hi=row["hi"],
                    flawed=row["status"] != "ok",
                )
                for row in chosen.sort_values("vector").to_dict("records")
            ]
            svg = dots(entries, x=per_clock, alt=alt)
        panels.append(Panel(svg=svg, caption=f"{name}, by bytes per access, at the clock of each sample."))
    return panels


def _facts(rows, dram):
    wanted = (
        ("dram_bandwidth", _best(dram, pattern="read")),
        ("l2_bandwidth", _best(measured(rows, "bandwidth/l2", "bandwidth"), pattern="read")),
        ("l1_bandwidth", best(measured(rows, "bandwidth/l1", "bandwidth_sm"))),
        ("shared_bandwidth", best(measured(rows, "bandwidth/shared", "bandwidth_sm"))),
    )
    for quantity, row in wanted:
        if row is not None:
            yield Fact(
                quantity=quantity,
                value=row["value"],
                lo=row["lo"],
                hi=row["hi"],
                n=int(row["n"]),
                unit=row["unit"],
                better="higher",
                limit=row["limit"] if row["limit"] == row["limit"] else None,
            )
