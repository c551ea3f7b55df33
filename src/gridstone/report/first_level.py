"""What the curves say of the caches of an SM: L1 by carve-out, its line and its sets, the first constant cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.changepoint import RESAMPLES, Break, Curve, Floats, Passage, find_passage
from gridstone.report.finding import Finding, at_break, at_passage, bring, broken, curve, reported
from gridstone.report.select import measured
from gridstone.report.words import percent
from gridstone.units import format_bytes

if TYPE_CHECKING:
    import pandas as pd

_OLDEST_FIRST = 0.5  # of the way to a miss: less is another order of replacement
_LINE_STRIDES = 128  # strides beyond any line so far: every place has a line of its own
_HIT = 1.05  # times the fastest place: still a hit
_CONSTANT_STEP = 64  # bytes from one word of cache/constant_capacity to the next
_ALIKE = 0.05  # of the loads that miss: as far as a walk of lines agrees with its count


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
    more, way = percent(x[last + 1] / x[last] - 1), percent(min(1.0, max(0.0, share)))
    return (
        f"with {more} more, loads go {way} of the way to a miss{_order(share)}; of {half} less than half is found again"
    )


def _order(share: float) -> str:
    """What a ring that is a little too large says of replacement: were the oldest line first to go, all would miss."""
    return ", so that it is not the oldest line that goes first" if share < _OLDEST_FIRST else ""


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
    """How few places a power of two apart L1 does not keep; where it keeps all, that it does."""
    chosen = measured(rows, "cache/l1_ways", "latency")
    curves = {int(stride): part for stride, part in chosen.groupby("stride")} if len(chosen) else {}
    held = [(at_break(found), stride) for stride, part in curves.items() if (found := broken(part, "count"))]
    if held:
        at, stride = min(held, key=lambda one: one[0]["value"])
        note = f"at a stride of {format_bytes(stride)}; more than its ways where the index is hashed"
        words = "Fewest places that L1 keeps of one set"
        yield Finding(quantity="l1_conflict", words=words, unit="lines", note=note, **at)
    elif curves:
        yield from _all_kept(chosen, curves)


def _all_kept(chosen: pd.DataFrame, curves: dict[int, pd.DataFrame]) -> Iterator[Finding]:
    """That L1 keeps any number of places a power of two apart, which plain address bits would put in one set."""
    hit = float(chosen["value"].min())
    most = min(float(part["count"].max()) for part in curves.values())
    drawn = curve(chosen, "count")[1].drawn(RESAMPLES, np.random.default_rng(0))
    kept = float((drawn.max(axis=1) <= _HIT * hit).mean())
    if chosen["value"].max() > _HIT * hit:
        return
    apart = [format_bytes(stride) for stride in (min(curves), max(curves))]
    yield Finding(
        quantity="l1_unconflicted",
        words="Places a power of two apart that L1 keeps, at least",
        value=most,
        lo=most,
        hi=most,
        unit="lines",
        n=int(chosen["n"].sum()),
        p_value=None,
        confidence=kept,
        note=f"all that were tried, {' to '.join(dict.fromkeys(apart))} apart: its sets are picked by a hash, and its "
        "ways do not show",
    )


def constant(rows: pd.DataFrame) -> Iterator[Finding]:
    """The first constant cache: its size, its line, and its ways."""
    chosen = measured(rows, "cache/constant_capacity", "latency")
    found = broken(chosen, "footprint")
    if found is not None:
        _, at, _ = found
        note = f"{at.before:.0f} cycles within, {at.after:.0f} beyond"
        words = "First constant cache"
        yield Finding(quantity="constant_l1_size", words=words, unit="B", note=note, **at_break(found))
    lines = list(bring(rows, "cache/constant_line", "constant_line", "Line of the first constant cache"))
    yield from lines
    if found is not None and any(one.value == _CONSTANT_STEP for one in lines):
        yield from _constant_ways(found, curve(chosen, "footprint")[1])


def _constant_ways(found: tuple[Floats, Break, int], points: Curve) -> Iterator[Finding]:
    """Ways of a cache of which each set gives up its oldest line, from how much more than it holds is missed.

    A walk over n lines puts n / sets in each set, or one more; sets that get more than their ways miss all of them, the
    others nothing. Nothing is told where the footprints do not tell numbers of sets apart, or none of them fits.
    """
    x, at, n = found
    held = int(x[at.last] // _CONSTANT_STEP)
    lines = (x // _CONSTANT_STEP).astype(int)
    sets = [s for s in (1 << e for e in range(held.bit_length())) if held % s == 0]
    expected = np.array([[_missed(int(many), s, held // s) for many in lines] for s in sets])
    seen = (points.value - at.before) / (at.after - at.before)
    off = np.abs(expected - seen).max(axis=1)
    best = int(np.argmin(off))
    alike = np.abs(expected - expected[best]).max(axis=1) <= _ALIKE
    if off[best] > _ALIKE or alike.sum() > 1:
        return
    drawn = (points.drawn(RESAMPLES, np.random.default_rng(0)) - at.before) / (at.after - at.before)
    chosen = np.abs(expected[None] - drawn[:, None]).max(axis=2).argmin(axis=1)
    beyond = at.last + 1
    yield Finding(
        quantity="constant_ways",
        words="Ways of the first constant cache",
        value=float(held // sets[best]),
        lo=float(held // sets[best]),
        hi=float(held // sets[best]),
        unit="lines",
        n=n,
        p_value=at.p_value,
        confidence=float((chosen == best).mean()),
        note=f"of {lines[beyond]} lines {percent(float(seen[beyond]))} miss, as where the oldest line of each of "
        f"{sets[best]} sets goes first",
    )


def _missed(lines: int, sets: int, ways: int) -> float:
    """The share of a walk over `lines` lines, round and round, that misses where a set's oldest line goes first."""
    each, over = divmod(lines, sets)
    missed = over * (each + 1) * (each + 1 > ways) + (sets - over) * each * (each > ways)
    return missed / lines


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
