"""What the curves of the cache family say: each finding a value, how sure it is, and what the driver says of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridstone.changepoint import Break, Curve, find_break, find_steps, paired_p
from gridstone.report.select import measured, trusted
from gridstone.report.words import percent
from gridstone.units import format_bytes, format_value

if TYPE_CHECKING:
    import pandas as pd

_SURE = 0.05  # p-values above say that a curve has no break
_LINE_STRIDES = 128  # strides beyond any line so far: every place has a line of its own
_NOTHING = 0.01  # of the loads: what hits by chance
_KEPT = 0.9  # of the loads that still hit: what persists

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What one curve says. `quantity` is the name that reports/published.csv uses, `lo` to `hi` what it leaves open.

    confidence: the share of curves, redrawn within the intervals of their points, that say the same; p_value: of a
    permutation test that there is a break, or a difference, at all. driver: what the driver reports, if anything.
    """

    quantity: str
    words: str
    value: float
    lo: float
    hi: float
    unit: str
    n: int
    p_value: float | None
    confidence: float | None = None
    driver: float | None = None
    note: str = ""

    @property
    def shown(self) -> str:
        """The value with its unit."""
        return format_value(self.value, self.unit)


def findings(rows: pd.DataFrame) -> list[Finding]:
    """All that the rows of the cache family say, nearest level first. Rows that are not ok are left out."""
    good = trusted(rows)
    return [
        *_l1(good),
        *_line(good),
        *_bring(good, "cache/l1_sector", "sector", "Sector of L1: what one miss brings"),
        *_ways(good),
        *_constant(good),
        *_l2(good),
        *_bring(good, "cache/l2_sector", "l2_fetch", "What L2 fetches from DRAM for one miss"),
        *_slices(good),
        *_persisting(good),
        *_translation(good),
    ]


def reported(rows: pd.DataFrame, name: str) -> float | None:
    """What the driver reports under a name of cache/reported."""
    said = trusted(measured(rows, "cache/reported", name))
    return None if said.empty else float(said["value"].iloc[0])


def curve(rows: pd.DataFrame, axis: str) -> tuple[Floats, Curve]:
    """The values of an axis in order, and the medians with their intervals at each of them."""
    x, value, lo, hi = (rows.sort_values(axis)[name].to_numpy(dtype=np.float64) for name in (axis, "value", "lo", "hi"))
    return x, Curve(value=value, lo=lo, hi=hi)


def broken(rows: pd.DataFrame, axis: str) -> tuple[Floats, Break, int] | None:
    """The axis, the break of the curve over it and the number of samples; None where there is no break to believe."""
    if rows.empty:
        return None
    x, points = curve(rows, axis)
    found = find_break(points)
    if found is None or found.p_value > _SURE or found.last + 1 >= len(x):
        return None
    return x, found, int(rows["n"].sum())


def _at(found: tuple[Floats, Break, int], scale: float = 1.0, *, next_one: bool = False) -> dict[str, Any]:
    """Value, bounds and certainty of a break: the last point that keeps the level, or the first that does not."""
    x, at, n = found
    lo, hi = float(x[at.last]) * scale, float(x[at.last + 1]) * scale
    return {
        "value": hi if next_one else lo,
        "lo": lo,
        "hi": hi,
        "n": n,
        "p_value": at.p_value,
        "confidence": at.confidence,
    }


def _l1(rows: pd.DataFrame) -> Iterator[Finding]:
    chosen = measured(rows, "cache/l1_capacity", "latency")
    sizes = {}
    for carveout in sorted(chosen["carveout"].unique()) if len(chosen) else ():
        found = broken(chosen[chosen["carveout"] == carveout], "footprint")
        if found is None:
            continue
        x, at, _ = found
        sizes[int(carveout)] = _at(found)
        beyond = float(curve(chosen[chosen["carveout"] == carveout], "footprint")[1].value[at.last + 1])
        share = (beyond - at.before) / (at.after - at.before)
        more = percent(x[at.last + 1] / x[at.last] - 1)
        yield Finding(
            quantity="l1_size" if carveout == 0 else f"l1_size_{int(carveout)}",
            words=f"L1 with {int(carveout)} % of shared memory asked for",
            unit="B",
            note=f"{more} beyond it, {percent(min(1.0, max(0.0, share)))} of the way to a miss",
            **_at(found),
        )
    if {0, 100} <= set(sizes):
        most, least = sizes[0], sizes[100]
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


def _line(rows: pd.DataFrame) -> Iterator[Finding]:
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
    size = _at(held[dense], dense)
    places = [_at(held[s]) for s in apart]
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


def _ways(rows: pd.DataFrame) -> Iterator[Finding]:
    chosen = measured(rows, "cache/l1_ways", "latency")
    held = []
    for stride in sorted(chosen["stride"].unique()) if len(chosen) else ():
        found = broken(chosen[chosen["stride"] == stride], "count")
        if found is not None:
            held.append((_at(found), int(stride)))
    if held:
        at, stride = min(held, key=lambda one: one[0]["value"])
        note = f"at a stride of {format_bytes(stride)}; more than its ways where the index is hashed"
        words = "Fewest places that L1 keeps of one set"
        yield Finding(quantity="l1_conflict", words=words, unit="lines", note=note, **at)


def _bring(rows: pd.DataFrame, probe: str, quantity: str, words: str) -> Iterator[Finding]:
    found = broken(measured(rows, probe, "latency_second"), "offset")
    if found is not None:
        _, at, _ = found
        note = f"up to there a second load takes {at.before:.0f} cycles more than a hit, from there on {at.after:.0f}"
        yield Finding(quantity=quantity, words=words, unit="B", note=note, **_at(found, next_one=True))


def _constant(rows: pd.DataFrame) -> Iterator[Finding]:
    found = broken(measured(rows, "cache/constant_capacity", "latency"), "footprint")
    if found is not None:
        _, at, _ = found
        note = f"{at.before:.0f} cycles within, {at.after:.0f} beyond"
        words = "First constant cache"
        yield Finding(quantity="constant_l1_size", words=words, unit="B", note=note, **_at(found))
    yield from _bring(rows, "cache/constant_line", "constant_line", "Line of the first constant cache")


def _l2(rows: pd.DataFrame) -> Iterator[Finding]:
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
                quantity=quantity, words=words, unit="B", driver=size / 2 if size else None, note=note, **_at(found)
            )
    yield from _whole_l2(measured(rows, "cache/l2_capacity", "hit_share", pattern="all"), size)


def _whole_l2(shares: pd.DataFrame, size: float | None) -> Iterator[Finding]:
    """Of what all SMs read over and over, in a random order, nothing is left once it is larger than all of L2."""
    x, shown = curve(shares, "footprint")
    gone = shown.value <= _NOTHING
    if gone.all() or not gone.any() or not gone[int(np.argmax(gone)) :].all():
        return
    last = int(np.argmax(gone)) - 1
    drawn = shown.drawn(999, np.random.default_rng(0)) <= _NOTHING
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
        note=f"{percent(float(shown.value[last]))} of loads hit, beyond it less than {percent(_NOTHING)}",
    )


def _slices(rows: pd.DataFrame) -> Iterator[Finding]:
    found = broken(measured(rows, "cache/l2_interleave", "same_share"), "offset")
    if found is not None:
        words = "Addresses so far apart lie in other slices of L2"
        yield Finding(quantity="l2_interleave", words=words, unit="B", **_at(found, next_one=True))
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


def _persisting(rows: pd.DataFrame) -> Iterator[Finding]:
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


def _translation(rows: pd.DataFrame) -> Iterator[Finding]:
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


def _span(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"
