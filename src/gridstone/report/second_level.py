"""What the curves say of L2 and of translation: size and near half, slices, what persists, reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.changepoint import Break, Curve, find_break, find_passage, find_steps, paired_p
from gridstone.report.finding import Finding, at_break, at_passage, broken, curve, reported
from gridstone.report.select import measured
from gridstone.report.words import percent
from gridstone.units import format_bytes

if TYPE_CHECKING:
    import pandas as pd

_CHANCE = 0.05  # of the loads, at the most: misses that take no longer than hits
_NOTHING = 0.01  # of the loads, beside those: what is no longer found
_KEPT = 0.9  # of the loads that still hit: what persists
_STEP = 1.02  # times the level before: a step of translation
_FLAT = 0.1  # of a step: as far as the points of a level differ


def sizes(rows: pd.DataFrame) -> Iterator[Finding]:
    """The half near one SM, all of L2 as far as the far half answers one SM, and as far as all SMs find anything."""
    size = reported(rows, "l2_size")
    alone = {name: measured(rows, "cache/l2_capacity", name, pattern="one") for name in ("near_share", "hit_share")}
    yield from _halved(
        alone["near_share"],
        quantity="l2_segment_size",
        words="Half of L2 that is near one SM",
        driver=size / 2 if size else None,
    )
    yield from _halved(
        _beyond_near(**alone),
        quantity="l2_reach",
        words="L2, as far as the half that is not near answers one SM",
        driver=size,
    )
    yield from _whole_l2(measured(rows, "cache/l2_capacity", "hit_share", pattern="all"), size)


def _beyond_near(*, near_share: pd.DataFrame, hit_share: pd.DataFrame) -> pd.DataFrame:
    """The hits of the footprints of which one SM finds nothing near it: lines of the other half, at home there."""
    if near_share.empty or hit_share.empty:
        return hit_share
    far = near_share[near_share["value"] <= _CHANCE]["footprint"]
    return hit_share[hit_share["footprint"].isin(far)]


def _halved(shares: pd.DataFrame, **of: Any) -> Iterator[Finding]:
    """The largest footprint of which as much is found as of smaller ones, and the first of which less than half is.

    Sets fill up one after the other, so that some lines are lost before all of a half is full.
    """
    found = broken(shares, "footprint")
    if found is None:
        return
    x, at, _ = found
    passage = find_passage(curve(shares, "footprint")[1], at.before, at.after)
    if passage is None:
        return
    half = format_bytes(int(x[passage.half]))
    shares = f"{percent(at.before)} of loads hit there within it, {percent(at.after)} far beyond"
    note = f"{shares}; of {half} less than half as many"
    yield Finding(unit="B", note=note, **of, **at_passage(found, passage))


def _whole_l2(shares: pd.DataFrame, size: float | None) -> Iterator[Finding]:
    """Of what all SMs read over and over, in a random order, nothing is left once it is larger than all of L2."""
    x, shown = curve(shares, "footprint")
    chance = float(shown.value.min()) if len(x) else 1.0
    gone = shown.value <= chance + _NOTHING
    if chance > _CHANCE:
        return
    if gone.all() or not gone.any() or not gone[int(np.argmax(gone)) :].all():
        return
    last = int(np.argmax(gone)) - 1
    drawn = shown.drawn(999, np.random.default_rng(0)) <= chance + _NOTHING
    same = drawn[:, last + 1 :].all(axis=1) & ~drawn[:, last]
    broke = find_break(shown)
    yield Finding(
        quantity="l2_size",
        words="L2: the last footprint of which all SMs find anything again",
        value=float(x[last]),
        lo=float(x[last]),
        hi=float(x[last + 1]),
        unit="B",
        n=int(shares["n"].sum()),
        p_value=broke.p_value if broke else None,
        confidence=float(same.mean()),
        driver=size,
        note=f"{percent(float(shown.value[last]))} of loads hit, beyond it less than {percent(chance + _NOTHING)}",
    )


def slices(rows: pd.DataFrame) -> Iterator[Finding]:
    """How far apart addresses lie in other slices, and into how many groups lines fall."""
    found = broken(measured(rows, "cache/l2_interleave", "same_share"), "offset")
    if found is not None:
        words = "Addresses so far apart lie in other slices of L2"
        yield Finding(quantity="l2_interleave", words=words, unit="B", **at_break(found, next_one=True))
    count, close, chance = (
        measured(rows, "cache/l2_slices", m) for m in ("groups", "alike_share", "alike_share_by_chance")
    )
    if count.empty or close.empty or chance.empty:
        return
    row, pairs, random = (one.iloc[-1] for one in (count, close, chance))
    yield Finding(
        quantity="l2_groups",
        words="Groups of lines that six SMs see alike in the half of L2 near each",
        value=float(row["value"]),
        lo=float(row["lo"]),
        hi=float(row["hi"]),
        unit="groups",
        n=int(row["n"]),
        p_value=None,
        confidence=_above(pairs, random),
        note=f"{100 * pairs['value']:.2g} % of pairs are alike, {100 * random['value']:.2g} % by chance",
    )


def _above(one: pd.Series[Any], other: pd.Series[Any]) -> float:
    """The share of draws from the intervals of two rows in which the first is the larger."""
    ends = (np.array([row[name] for row in (one, other)], dtype=np.float64) for name in ("value", "lo", "hi"))
    value, lo, hi = ends
    first, second = Curve(value=value, lo=lo, hi=hi).drawn(999, np.random.default_rng(0)).T
    return float((first > second).mean())


def persisting(rows: pd.DataFrame) -> Iterator[Finding]:
    """The largest footprint that stays where it may persist."""
    chosen = measured(rows, "cache/persistence", "hit_share", form="persisting")
    x, shares = curve(chosen, "footprint")
    kept = chosen[chosen["value"] >= _KEPT]
    plain = measured(rows, "cache/persistence", "hit_share", form="normal")
    if kept.empty or plain.empty:
        return
    best = kept.loc[kept["footprint"].idxmax()]
    beside = plain[plain["footprint"] == best["footprint"]]
    if beside.empty:
        return
    both = chosen.merge(plain, on="footprint")
    larger = chosen[chosen["footprint"] > best["footprint"]]["footprint"]
    otherwise = percent(beside["value"].iloc[0])
    drawn = shares.drawn(999, np.random.default_rng(0)) >= _KEPT
    same = drawn[:, x == best["footprint"]].all(axis=1) & ~drawn[:, x > best["footprint"]].any(axis=1)
    yield Finding(
        quantity="l2_persisting",
        words="What stays in L2 where it may persist",
        value=float(best["footprint"]),
        lo=float(best["footprint"]),
        hi=float(larger.min()) if len(larger) else float(best["footprint"]),
        unit="B",
        n=int(best["n"]),
        p_value=paired_p(both["value_x"], both["value_y"]),
        confidence=float(same.mean()),
        driver=reported(rows, "persisting_size"),
        note=f"{percent(best['value'])} still hit after twice L2 was read, {otherwise} otherwise",
    )


def translation(rows: pd.DataFrame) -> Iterator[Finding]:
    """How far each level of translation reaches, by how far apart the places are."""
    chosen = measured(rows, "cache/tlb", "latency")
    for stride in sorted(chosen["stride"].unique()) if len(chosen) else ():
        part = chosen[chosen["stride"] == stride]
        x, points = curve(part, "count")
        for level, step in enumerate(_levels(points), 1):
            yield Finding(
                quantity=f"tlb{level}_reach_{format_bytes(int(stride)).replace(' ', '')}",
                words=f"Reach of translation, step {level}, a place every {format_bytes(int(stride))}",
                value=float(x[step.last] * stride),
                lo=float(x[step.last] * stride),
                hi=float(x[step.last + 1] * stride),
                unit="B",
                n=int(part["n"].sum()),
                p_value=step.p_value,
                confidence=step.confidence,
                note=f"{x[step.last]:.0f} places; {step.before:.0f} cycles within, {step.after:.0f} beyond, measured "
                f"as far as {format_bytes(int(x[-1] * stride))}",
            )


def _levels(points: Curve) -> Iterator[Break]:
    """The steps up from a level that was kept until then.

    Where a level of translation gives way bit by bit, the climb splits into further steps, which begin at no level. A
    smaller step is where the lines lie: loads of L2 differ by tens of cycles from line to line.
    """
    start = 0
    for step in find_steps(points):
        kept = np.abs(points.value[start : step.last + 1] - step.before) <= _FLAT * (step.after - step.before)
        if step.after >= _STEP * step.before and kept.all() and step.last + 1 < points.value.size:
            yield step
        start = step.last + 1
