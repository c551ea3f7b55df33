"""Bandwidth of DRAM, L2, L1 and shared memory beside their limits."""

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

_BYTES_PER_S = Scale(label="bandwidth", unit="B/s", zero=True)


def section(rows):
    dram = measured(rows, "bandwidth/dram", "bandwidth")
    claims = _dram_claims(dram)
    panels = [*_dram(dram), *_regimes(rows), *_l2(rows), *_on_chip(rows)]
    heading = f"DRAM reaches {listing(claims)}" if claims else _chip_claim(rows)
    read = _best(dram, pattern="read")
    return Section(
        heading=heading,
        lead=_lead(dram),
        panels=tuple(panels),
        facts=tuple(_facts(rows, dram)),
        headline=_headline(read) if read is not None and read["limit"] == read["limit"] else None,
    )


def _best(rows, **axes):
    for name, value in axes.items():
        rows = rows[rows[name] == value] if name in rows else rows[:0]
    return best(rows)


def _headline(read):
    return f"DRAM read reaches {percent(read['value'] / read['limit'])} of its limit"


def _dram_claims(dram):
    found = []
    for pattern, doing in (("read", "reading"), ("write", "writing"), ("copy", "copying")):
        row = _best(dram, pattern=pattern)
        if row is not None and row["limit"] == row["limit"]:
            of = "" if found else " of its limit"
            found.append(f"{percent(row['value'] / row['limit'])}{of} {doing}")
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
        f"Arrays of up to {format_bytes(int(largest))}; effective bytes, each array counted once. "
        f"Limit: {format_value(good['limit'].iloc[0], 'B/s')}, {good['limit_kind'].iloc[0]}."
    )


def _dram(dram):
    if dram.empty:
        return []
    limits = _limits(dram)
    ladders = {
        "bytes": ("array size", "B", "the best over vector width, unroll and occupancy"),
        "warps": ("warps per SM", "", "on the largest arrays"),
        "vector": ("bytes per access", "", "on the largest arrays"),
        "unroll": ("accesses in flight per thread", "", "on the largest arrays"),
    }
    panels = []
    for axis, (name, unit, scope) in ladders.items():
        chosen = dram if axis == "bytes" else _largest(dram)
        if axis not in chosen or chosen[axis].nunique() < 2:
            continue
        svg = lines(
            series(chosen, x=axis, by=["pattern"]),
            x=Scale(label=name, unit=unit, log=True),
            y=Scale(label="bandwidth", unit="B/s"),
            limits=limits,
            alt=f"DRAM bandwidth by {name}",
        )
        panels.append(Panel(svg=svg, caption=f"DRAM by {name}, {scope}. Dashed: the limit."))
    return panels or [_patterns(dram)]


def _patterns(dram):
    rows = [row for pattern in dram["pattern"].unique() if (row := _best(dram, pattern=pattern)) is not None]
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


def _limits(rows):
    known = rows["limit"].dropna().unique()
    unit = rows["unit"].iloc[0]
    return [Limit(label=f"limit {format_value(float(known[0]), unit)}", y=float(known[0]))] if len(known) == 1 else []


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
            group=row["pattern"],
            flawed=row["status"] != "ok",
        )
        for row in chosen.sort_values(["pattern", "regime"]).to_dict("records")
    ]
    svg = dots(entries, x=_BYTES_PER_S, alt="DRAM bandwidth in bursts and at power equilibrium, with the power drawn")
    return [Panel(svg=svg, caption="In a burst from rest, and sustained at power equilibrium, with the power drawn.")]


def _l2(rows):
    chosen = measured(rows, "bandwidth/l2", "bandwidth")
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="footprint", by=["pattern"]),
        x=Scale(label="footprint", unit="B", log=True),
        y=_BYTES_PER_S,
        alt="Bandwidth over the footprint, from L2 into DRAM",
    )
    return [Panel(svg=svg, caption="All SMs pass over one footprint around L1: L2 while it fits, DRAM beyond.")]


def _on_chip(rows):
    panels = []
    for space, name in (("l1", "L1"), ("shared", "Shared memory")):
        chosen = measured(rows, f"bandwidth/{space}", "bandwidth_sm")
        if chosen.empty:
            continue
        per_clock = Scale(label="bytes per SM and clock", unit="B/cycle", zero=True)
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
        panels.append(Panel(svg=svg, caption=f"{name}, by bytes per access. Clock: that of each sample."))
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
