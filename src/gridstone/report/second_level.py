"""What the curves say of L2 and of translation: size and near half, slices, what persists, reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.changepoint import Curve, find_break, find_steps, paired_p
from gridstone.report.finding import Finding, at_break, broken, curve, reported
from gridstone.report.select import measured
from gridstone.report.words import percent
from gridstone.units import format_bytes

if TYPE_CHECKING:
    import pandas as pd

_CHANCE = 0.05  # of the loads, at the most: misses that take no longer than hits
_NOTHING = 0.01  # of the loads, beside those: what is no longer found
_KEPT = 0.9  # of the loads that still hit: what persists


def sizes(rows: pd.DataFrame) -> Iterator[Finding]:
    """The half near one SM, as far as one SM reaches, and all of L2."""
    size = reported(rows, "l2_size")
    for quantity, metric, pattern, words in (
        ("l2_segment_size", "near_share", "one", "Half of L2 that is near one SM"),
        ("l2_reach", "hit_share", "one", "L2, as far as one SM finds all that it read alone"),
    ):
        found = broken(measured(rows, "cache/l2_capacity", metric, pattern=pattern), "footprint")
        if found is not None:
            _, at, _ = found
            note = f"{percent(at.before)} of loads within, {percent(at.after)} beyond"
            yield Finding(
                quantity=quantity,
                words=words,
                unit="B",
                driver=size / 2 if size else None,
                note=note,
                **at_break(found),
            )
    yield from _whole_l2(measured(rows, "cache/l2_capacity", "hit_share", pattern="all"), size)


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
    yield Finding(
        quantity="l2_persisting",
        words="What stays in L2 where it may persist",
        value=float(best["footprint"]),
        lo=float(best["footprint"]),
        hi=float(larger.min()) if len(larger) else float(best["footprint"]),
        unit="B",
        n=int(best["n"]),
        p_value=paired_p(both["value_x"], both["value_y"]),
        driver=reported(rows, "persisting_size"),
        note=f"{percent(best['value'])} still hit after twice L2 was read, {otherwise} otherwise",
    )


def translation(rows: pd.DataFrame) -> Iterator[Finding]:
    """How far each level of translation reaches, by how far apart the places are."""
    chosen = measured(rows, "cache/tlb", "latency")
    for stride in sorted(chosen["stride"].unique()) if len(chosen) else ():
        part = chosen[chosen["stride"] == stride]
        x, points = curve(part, "count")
        # a step of a few cycles is where the lines lie
        steps = [s for s in find_steps(points) if s.after >= 1.05 * s.before and s.last + 1 < len(x)]
        for level, step in enumerate(steps, 1):
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
                note=f"{x[step.last]:.0f} places; {step.before:.0f} cycles within, {step.after:.0f} beyond",
            )
