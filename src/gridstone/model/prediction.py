"""What a model answers, and how it refuses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gridstone.errors import GridstoneError, UsageError

Extrapolate = Literal["refuse", "flag"]
Amount = float | NDArray[np.float64]
# Half of the widest interval, in log space: a factor of 1e12 either way says that nothing is known; exp can hold it.
WIDEST = math.log(1e12)


class ModelError(GridstoneError):
    """A model folder cannot be read, or does not hold what was asked for."""


class OutOfDomain(GridstoneError):
    """The question lies outside what was measured; the message names the argument and its box."""


def refuses(extrapolate: Extrapolate) -> bool:
    """Whether a question outside the domain is refused, and not flagged. Raises UsageError for any other word."""
    if extrapolate not in ("refuse", "flag"):
        raise UsageError(f'extrapolate={extrapolate!r}: write "refuse" or "flag"')
    return extrapolate == "refuse"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A value with its interval, in the SI unit `unit`; arrays where arguments were arrays, else scalars.

    value, lo, hi: the answer and the interval that holds it with the probability `level` (0.95 where the
    held-out cells are enough to support it). in_domain: False only for an extrapolation that was asked for.
    source: `measured` for a point that the runs hold, else `interpolated` or `extrapolated`.
    """

    value: Amount
    lo: Amount
    hi: Amount
    unit: str
    in_domain: bool | NDArray[np.bool_]
    source: str | NDArray[np.str_]
    level: Amount

    def times(self, factor: Amount, *, unit: str) -> Prediction:
        """The answer scaled by a positive factor, into another unit."""
        value, lo, hi = (np.asarray(part * factor) for part in (self.value, self.lo, self.hi))
        inside, source, level = (np.broadcast_to(p, value.shape) for p in (self.in_domain, self.source, self.level))
        return replace(
            self,
            value=plain(value),
            lo=plain(lo),
            hi=plain(hi),
            unit=unit,
            in_domain=plain(inside),
            source=plain(source),
            level=plain(level),
        )

    def scaled(self, by: Prediction) -> Prediction:
        """The answer times a factor that is an answer itself; both may be off at once, independently."""
        value = np.asarray(self.value) * by.value
        lo, hi = (
            np.hypot(np.log(np.divide(mine, self.value)), np.log(np.divide(its, by.value)))
            for mine, its in ((self.lo, by.lo), (self.hi, by.hi))
        )
        inside = np.logical_and(self.in_domain, by.in_domain)
        return replace(
            self,
            value=plain(value),
            lo=plain(value * np.exp(-lo)),
            hi=plain(value * np.exp(hi)),
            in_domain=plain(inside),
            source=plain(np.where(inside, "interpolated", "extrapolated")),
            level=plain(np.minimum(self.level, by.level)),
        )

    def at_least(self, floor: Prediction) -> Prediction:
        """The larger of two answers, value and interval alike; in domain only where both are."""
        larger = np.greater_equal(self.value, floor.value)
        return replace(
            self,
            value=plain(np.maximum(self.value, floor.value)),
            lo=plain(np.maximum(self.lo, floor.lo)),
            hi=plain(np.maximum(self.hi, floor.hi)),
            in_domain=plain(np.logical_and(self.in_domain, floor.in_domain)),
            source=plain(np.where(larger, self.source, floor.source)),
            level=plain(np.minimum(self.level, floor.level)),
        )

    def widened(self, by: Amount) -> Prediction:
        """The interval widened by `by` in log space; where that is not 0, the answer is an extrapolation."""
        within = np.equal(by, 0)
        by = np.minimum(by, WIDEST)
        return replace(
            self,
            lo=plain(self.lo * np.exp(-by)),
            hi=plain(self.hi * np.exp(by)),
            in_domain=plain(np.logical_and(self.in_domain, within)),
            source=plain(np.where(within, self.source, "extrapolated")),
        )


def one_after_other(*parts: Prediction) -> Prediction:
    """Times that add up. So do the ends of their intervals, which is wide where errors are independent."""
    value, lo, hi = (sum(np.asarray(getattr(p, name)) for p in parts) for name in ("value", "lo", "hi"))
    inside = np.logical_and.reduce(np.broadcast_arrays(*(p.in_domain for p in parts)))
    measured = np.logical_and.reduce(np.broadcast_arrays(*(np.equal(p.source, "measured") for p in parts)))
    level = np.minimum.reduce(np.broadcast_arrays(*(p.level for p in parts)))
    return Prediction(
        value=plain(value),
        lo=plain(lo),
        hi=plain(hi),
        unit="s",
        in_domain=plain(inside),
        source=plain(np.where(inside, np.where(measured, "measured", "interpolated"), "extrapolated")),
        level=plain(level),
    )


def plain(array: Any) -> Any:
    """An array as it is, and one without dimensions as the Python value that it holds."""
    return array.item() if np.ndim(array) == 0 and hasattr(array, "item") else array
