"""A finding about a cache, and how it is read off a curve: the break, how sure it is, what the driver says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridstone.changepoint import Break, Curve, Passage, find_break
from gridstone.report.select import measured, trusted
from gridstone.units import format_value

if TYPE_CHECKING:
    import pandas as pd

_SURE = 0.05  # p-values above say that a curve has no break

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


def reported(rows: pd.DataFrame, name: str) -> float | None:
    """What the driver reports under a name of cache/reported."""
    said = trusted(measured(rows, "cache/reported", name))
    return None if said.empty else float(said["value"].iloc[0])


def curve(rows: pd.DataFrame, axis: str) -> tuple[Floats, Curve]:
    """The values of an axis in order, and the medians with their intervals at each of them; of no rows, none."""
    if rows.empty:  # which may not even have the axis
        return np.empty(0), Curve(value=np.empty(0), lo=np.empty(0), hi=np.empty(0))
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


def at_break(found: tuple[Floats, Break, int], scale: float = 1.0, *, next_one: bool = False) -> dict[str, Any]:
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


def at_passage(found: tuple[Floats, Break, int], passage: Passage) -> dict[str, Any]:
    """Value, bounds and certainty of a passage: the last point that keeps the level, and the first nearer to the other.

    found: the break of the same curve, whose p-value says that there is one.
    """
    x, at, n = found
    return {
        "value": float(x[passage.last]),
        "lo": float(x[passage.last]),
        "hi": float(x[passage.half]),
        "n": n,
        "p_value": at.p_value,
        "confidence": passage.confidence,
    }


def bring(rows: pd.DataFrame, probe: str, quantity: str, words: str) -> Iterator[Finding]:
    """What one load brings along: how far from it a second load no longer hits."""
    found = broken(measured(rows, probe, "latency_second"), "offset")
    if found is not None:
        _, at, _ = found
        note = f"up to there a second load takes {at.before:.0f} cycles more than a hit, from there on {at.after:.0f}"
        yield Finding(quantity=quantity, words=words, unit="B", note=note, **at_break(found, next_one=True))
