"""What a model answers, and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from gridstone.errors import GridstoneError

Extrapolate = Literal["refuse", "flag"]
Source = Literal["measured", "interpolated", "extrapolated"]


class ModelError(GridstoneError):
    """A model folder cannot be read, or does not hold what was asked for."""


class OutOfDomain(GridstoneError):
    """The question lies outside what was measured; the message names the argument and its box."""


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A value with its interval, in the SI unit `unit`.

    value, lo, hi: the answer and the interval that holds it with the probability `level` (0.95 where the
    held-out cells are enough to support it). in_domain: False only for an extrapolation that was asked for.
    source: `measured` for a point that the runs hold, else `interpolated` or `extrapolated`.
    """

    value: float
    lo: float
    hi: float
    unit: str
    in_domain: bool
    source: Source
    level: float

    def times(self, factor: float, *, unit: str) -> Prediction:
        """The answer scaled by a positive factor, into another unit."""
        return replace(self, value=self.value * factor, lo=self.lo * factor, hi=self.hi * factor, unit=unit)

    def at_least(self, floor: Prediction) -> Prediction:
        """The larger of two answers, value and interval alike; in domain only where both are."""
        larger = self if self.value >= floor.value else floor
        return replace(
            larger,
            lo=max(self.lo, floor.lo),
            hi=max(self.hi, floor.hi),
            in_domain=self.in_domain and floor.in_domain,
            level=min(self.level, floor.level),
        )

    def outside(self) -> Prediction:
        """The same answer, marked as one that the measured box does not hold."""
        return replace(self, in_domain=False, source="extrapolated")
