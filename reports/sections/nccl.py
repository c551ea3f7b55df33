"""NCCL among GPUs: collectives and their algorithms, rings, and what they cost beside a matrix multiplication."""

import math
from pathlib import Path

from gridstone.content import load_module
from gridstone.figure import Scale, lines
from gridstone.figure.matrix import matrix
from gridstone.report import Panel, Section, amount, best, listing, measured, percent, series, trusted
from gridstone.units import format_bytes

_limits, _late = (load_module(Path(__file__).with_name(f"{name}.py")) for name in ("_ceiling", "_late_ranks"))

FAMILY = "nccl"
ORDER = 155
PROBES = tuple(f"nccl/{name}" for name in "collective forced send ring variability beside overlap".split())

_BYTES = Scale(label="bytes per rank", unit="B", log=True)
_BUS = Scale(label="bus bandwidth", unit="B/s", log=True)
_FASTER = 0.97  # of NCCL's own time: below this a forced setting is said to be faster
_MOST_COLUMNS = 15


def section(rows):
    bus = measured(rows, "nccl/collective", "bandwidth_bus")
    time = measured(rows, "nccl/collective", "time", collective="allreduce")
    reduced = bus[bus["collective"] == "allreduce"] if len(bus) else bus
    most = _most(time)
    top, quickest = best(_most(reduced)), best(most[most["bytes"] == most["bytes"].min()] if len(most) else most)
    ratios = _ratios(time, measured(rows, "nccl/forced", "time", collective="allreduce"))
    claims = []
    if top is not None:
        share = _limits.share(top)
        claims.append(
            f"an all-reduce of {int(top['ranks'])} GPUs reaches {amount(top['value'], 'B/s')} on the bus{share}"
        )
    if quickest is not None:
        claims.append(f"{format_bytes(int(quickest['bytes']))} take {amount(quickest['value'], 's')}")
    said = listing(claims)
    lateness, late = _late.late_ranks(rows, "nccl/variability", ["tier", "collective"])
    return Section(
        heading=said[0].upper() + said[1:] if claims else _otherwise(rows),
        lead=" ".join(filter(None, [_choice(ratios), lateness])),
        panels=(
            *_collectives(bus),
            *_by_ranks(reduced),
            *_forced(ratios),
            *_rings(rows),
            *late,
            *_beside(rows),
            *_overlap(rows),
        ),
    )


def _otherwise(rows):
    sent = best(measured(rows, "nccl/send", "bandwidth_bus"))
    if sent is None:
        return "No all-reduce of NCCL in this run is ok"
    return f"A message between two GPUs reaches {amount(sent['value'], 'B/s')} through NCCL"


def _most(rows):
    """The rows of the largest number of ranks that was measured."""
    return rows[rows["ranks"] == rows["ranks"].max()] if len(rows) else rows


def _collectives(bus):
    chosen = _most(bus)
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="bytes", by=["collective"]),
        x=_BYTES,
        y=_BUS,
        limits=_limits.ceiling(chosen),
        alt="Bus bandwidth of NCCL's collectives over their size",
    )
    ranks = int(chosen["ranks"].iloc[0])
    return [Panel(svg=svg, caption=f"{ranks} GPUs, as NCCL chooses: bytes over the busiest link, were it a ring.")]


def _by_ranks(reduced):
    if reduced.empty or reduced["ranks"].nunique() < 2:
        return []
    svg = lines(
        series(reduced, x="bytes", by=["ranks"]),
        x=_BYTES,
        y=_BUS,
        limits=_limits.ceiling(reduced),
        alt="Bus bandwidth of an all-reduce over its size, by number of GPUs",
    )
    return [Panel(svg=svg, caption="The all-reduce by number of GPUs.")]


def _ratios(time, forced):
    """By number of ranks, most first: time of each forced setting over NCCL's own choice at the same size.

    On one host where both were measured there.
    """
    own, told = trusted(time), trusted(forced)
    places = [set(zip(part["tier"], part["ranks"], strict=True)) if len(part) else set() for part in (own, told)]
    shared = sorted(set.intersection(*places), key=lambda place: (place[0] == "network", -place[1]))
    return {
        int(ranks): _over(*(part[(part["tier"] == tier) & (part["ranks"] == ranks)] for part in (own, told)))
        for tier, ranks in shared
        if tier == shared[0][0]
    }


def _over(own, told):
    base = {int(row["bytes"]): row["value"] for row in own.to_dict("records")}
    return {
        (f"{row['algorithm']} {row['protocol']}", int(row["bytes"])): row["value"] / base[int(row["bytes"])]
        for row in told.to_dict("records")
        if int(row["bytes"]) in base
    }


def _choice(ratios):
    """Where telling NCCL what to do beats its own choice."""
    if len(ratios) == 1:
        return " ".join(f"At {_beaten(found)}." for found in ratios.values() if found)
    return " ".join(f"Among {ranks} GPUs, at {_beaten(found)}." for ranks, found in ratios.items() if found)


def _beaten(ratios):
    sizes = sorted({size for _, size in ratios})
    fastest = {size: min((r, name) for (name, at), r in ratios.items() if at == size) for size in sizes}
    better = {size: found for size, found in fastest.items() if found[0] < _FASTER}
    if not better:
        return f"none of {len(sizes)} sizes is a forced algorithm or protocol 3 % faster than NCCL's own choice"
    size, (ratio, name) = min(better.items(), key=lambda one: one[1])
    return (
        f"{len(better)} of {len(sizes)} sizes some forced algorithm and protocol is 3 % faster than NCCL's own "
        f"choice, most of all {name} at {format_bytes(size)}, which takes {percent(ratio)} of its time"
    )


def _forced(by_ranks):
    return [panel for ranks, ratios in by_ranks.items() if ratios for panel in _settings(ranks, ratios)]


def _settings(ranks, ratios):
    sizes = sorted({size for _, size in ratios})[-_MOST_COLUMNS:]
    names = sorted({name for name, _ in ratios})
    values = [[ratios.get((name, size), math.nan) for size in sizes] for name in names]
    best_of = [min(ratios[name, size] for name in names if (name, size) in ratios) for size in sizes]
    svg = matrix(
        [*values, best_of],
        rows=[*names, "best of them"],
        columns=[format_bytes(size) for size in sizes],
        row_title="told to use",
        column_title="bytes per rank",
        low=0.9,
        high=3.0,
        alt=f"Time of an all-reduce of {ranks} GPUs with each algorithm and protocol over that of NCCL's own choice",
    )
    caption = f"Time of an all-reduce of {ranks} GPUs over that of NCCL's own choice; below 1 it is faster."
    return [Panel(svg=svg, caption=caption, wide=True)]


def _rings(rows):
    rings = _most(measured(rows, "nccl/ring", "bandwidth_bus"))
    sent = measured(rows, "nccl/send", "bandwidth_bus")
    panels = []
    if len(rings):
        svg = lines(
            series(rings, x="bytes", by=["direction"]),
            x=_BYTES,
            y=_BUS,
            limits=_limits.ceiling(rings),
            alt="Bandwidth of messages to the neighbours over their size, one way round and both",
        )
        ranks = int(rings["ranks"].iloc[0])
        caption = f"{ranks} GPUs: each sends to its neighbour, one way round, or to both neighbours at once."
        panels.append(Panel(svg=svg, caption=caption))
    if len(sent):
        svg = lines(
            series(measured(rows, "nccl/send", "time"), x="bytes", by=["tier"]),
            x=_BYTES,
            y=Scale(label="half a round trip", unit="s", log=True),
            alt="Time of a message between two GPUs over its size",
        )
        panels.append(Panel(svg=svg, caption="A message between two GPUs: half of a send and its answer."))
    return panels


def _beside(rows):
    panels = []
    for metric, what in (("slowdown", "a multiplication"), ("slowdown_beside", "the all-reduce")):
        chosen = _most(measured(rows, "nccl/beside", metric))
        if chosen.empty:
            continue
        svg = lines(
            series(chosen, x="split", by=["blocks", "bytes"]),
            x=Scale(label="per cent of the SMs that the multiplication has"),
            y=Scale(label=f"slowdown of {what}"),
            alt=f"Slowdown of {what} beside the other, over the multiplication's share of the SMs",
        )
        caption = f"How much slower {what} goes while both run; blocks: the most that NCCL may take, 0 for its choice."
        panels.append(Panel(svg=svg, caption=caption))
    return panels


def _overlap(rows):
    chosen = _most(measured(rows, "nccl/overlap", "overlap"))
    if chosen.empty:
        return []
    svg = lines(
        series(chosen, x="chunks", by=["bytes"]),
        x=Scale(label="chunks"),
        y=Scale(label="time over the sum of both"),
        alt="Time of a multiplication and an all-reduce in chunks over the sum of both, by number of chunks",
    )
    return [
        Panel(svg=svg, caption="A multiplication, and the all-reduce of each chunk of its result once that is done.")
    ]
