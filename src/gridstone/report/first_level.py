"""What the curves say of the caches of an SM: L1 by carve-out, its line and its sets, the first constant cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.changepoint import Floats, Passage, find_passage
from gridstone.report.finding import Finding, at_break, at_passage, bring, broken, curve, reported
from gridstone.report.select import measured
from gridstone.report.words import percent
from gridstone.units import format_bytes

if TYPE_CHECKING:
    import pandas as pd

_OLDEST_FIRST = 0.5  # of the way to a miss: less is another order of replacement
_LINE_STRIDES = 128  # strides beyond any line so far: every place has a line of its own


def sizes(rows: pd.DataFrame) -> Iterator[Finding]:
    """How much L1 keeps, by what shared memory was asked to take, and what that takes from it.

    L1 is at least as large as the largest footprint of which all is found again, by most rings. A ring that
    does not quite fit pushes itself out, so that more is missed than there is no room for, but not half of what there
    is room for: so L1 is no larger than the first footprint of which less than half is found.
    """
    chosen = measured(rows, "cache/l1_capacity", "latency_median")
    if chosen.empty:  # an earlier version had no more than the mean over the rings
        chosen = measured(rows, "cache/l1_capacity", "latency")
    if "threads" in chosen and chosen["threads"].notna().any():  # the largest blocks leave shared memory the least
        chosen = chosen[chosen["threads"] == chosen["threads"].max()]
    curves = (
        {int(c): chosen[chosen["carveout"] == c] for c in sorted(chosen["carveout"].unique())} if len(chosen) else {}
    )
    breaks = {carveout: found for carveout, part in curves.items() if (found := broken(part, "footprint"))}
    miss = max((at.after for _, at, _ in breaks.values()), default=0.0)  # where L1 is small, most footprints miss
    held: dict[int, dict[str, Any]] = {}
    for carveout, found in breaks.items():
        _, points = curve(curves[carveout], "footprint")
        passage = find_passage(points, found[1].before, miss)
        if passage is None:
            continue
        held[carveout] = at_passage(found, passage)
        yield Finding(
            quantity="l1_size" if carveout == 0 else f"l1_size_{carveout}",
            words=f"L1 with {carveout} % of shared memory asked for",
            unit="B",
            note=_beyond(found[0], points.value, found[1].before, miss, passage),
            **held[carveout],
        )
    if {0, 100} <= set(held):
        most, least = held[0], held[100]
        yield Finding(
            quantity="shared_size",
            words="What shared memory takes from L1 at its most",
            value=most["value"] - least["value"],
            lo=most["lo"] - least["hi"],
            hi=most["hi"] - least["lo"],
            unit="B",
            n=most["n"] + least["n"],
            p_value=max(most["p_value"], least["p_value"]),
            confidence=most["confidence"] * least["confidence"],
            driver=reported(rows, "shared_size"),
            note="a launch keeps 1 KiB of shared memory itself, so that L1 never has all",
        )


def _beyond(x: Floats, latency: Floats, hit: float, miss: float, passage: Passage) -> str:
    """What the footprints say that follow the largest one that is kept."""
    last, half = passage.last, format_bytes(int(x[passage.half]))
    share = float(latency[last + 1] - hit) / (miss - hit)
    more = f"{percent(x[last + 1] / x[last] - 1)} beyond it, {percent(min(1.0, max(0.0, share)))} of the way to a miss"
    return f"{more}{_order(share)}; of {half} less than half is found again"


def _order(share: float) -> str:
    """What a ring that is a little too large says of replacement: were the oldest line first to go, all would miss."""
    return ", which is not the oldest line first" if share < _OLDEST_FIRST else ""


def line(rows: pd.DataFrame) -> Iterator[Finding]:
    """The bytes that L1 holds over the places that it holds where each has a line of its own."""
    chosen = measured(rows, "cache/l1_line", "latency")
    held = {}
    for stride in sorted(chosen["stride"].unique()) if len(chosen) else ():
        found = broken(chosen[chosen["stride"] == stride], "count")
        if found is not None:
            held[int(stride)] = found
    dense = min((s for s in held if s < _LINE_STRIDES), default=None)
    apart = [s for s in held if s > _LINE_STRIDES]
    if dense is None or not apart:
        return
    size = at_break(held[dense], dense)
    places = [at_break(held[s]) for s in apart]
    lines = [size["value"] / p["value"] for p in places]
    yield Finding(
        quantity="cache_line",
        words="Line of L1",
        value=float(2 ** round(np.log2(np.median(lines)))),
        lo=min(size["lo"] / p["hi"] for p in places),
        hi=max(size["hi"] / p["lo"] for p in places),
        unit="B",
        n=size["n"] + sum(p["n"] for p in places),
        p_value=max(size["p_value"], *(p["p_value"] for p in places)),
        confidence=size["confidence"] * min(p["confidence"] for p in places),
        note=f"{format_bytes(int(size['value']))} at a stride of {dense} B, and "
        f"{_span([p['value'] for p in places])} places at strides of {_span(apart)} B",
    )


def ways(rows: pd.DataFrame) -> Iterator[Finding]:
    """How few places a power of two apart L1 does not keep."""
    chosen = measured(rows, "cache/l1_ways", "latency")
    held = []
    for stride in sorted(chosen["stride"].unique()) if len(chosen) else ():
        found = broken(chosen[chosen["stride"] == stride], "count")
        if found is not None:
            held.append((at_break(found), int(stride)))
    if held:
        at, stride = min(held, key=lambda one: one[0]["value"])
        note = f"at a stride of {format_bytes(stride)}; more than its ways where the index is hashed"
        words = "Fewest places that L1 keeps of one set"
        yield Finding(quantity="l1_conflict", words=words, unit="lines", note=note, **at)


def constant(rows: pd.DataFrame) -> Iterator[Finding]:
    """The first constant cache: its size, and its line."""
    found = broken(measured(rows, "cache/constant_capacity", "latency"), "footprint")
    if found is not None:
        _, at, _ = found
        note = f"{at.before:.0f} cycles within, {at.after:.0f} beyond"
        words = "First constant cache"
        yield Finding(quantity="constant_l1_size", words=words, unit="B", note=note, **at_break(found))
    yield from bring(rows, "cache/constant_line", "constant_line", "Line of the first constant cache")


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
