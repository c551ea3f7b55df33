"""Medians, their intervals, and when to stop sampling. Pure functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

_RESAMPLES = 999


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A median with its 95 % interval over `n` samples, in the unit of the samples."""

    value: float
    lo: float
    hi: float
    n: int

    @property
    def relative_width(self) -> float:
        """Half the interval over the value: the `1 %` of a stopping rule; infinite for a zero value."""
        if self.value == 0:
            return 0.0 if self.hi == self.lo else float("inf")
        return (self.hi - self.lo) / 2 / abs(self.value)


def estimate(samples: ArrayLike, *, seed: int = 0) -> Estimate:
    """Median and its 95 % percentile-bootstrap interval (`scipy.stats.bootstrap`, 999 resamples).

    The seed is fixed so that the same samples always give the same interval. One sample, or equal samples,
    give an interval of width zero. Raises ValueError where there is no finite sample.
    """
    x = finite(samples)
    if x.size == 0:
        raise ValueError("no finite sample")
    median = float(np.median(x))
    if x.size == 1 or x.min() == x.max():
        return Estimate(value=median, lo=median, hi=median, n=int(x.size))
    from scipy.stats import bootstrap

    result = bootstrap((x,), np.median, n_resamples=_RESAMPLES, method="percentile", rng=np.random.default_rng(seed))
    interval = result.confidence_interval
    return Estimate(
        value=median, lo=min(float(interval.low), median), hi=max(float(interval.high), median), n=int(x.size)
    )


def finite(samples: ArrayLike) -> NDArray[np.float64]:
    """The samples as float64 without NaN and infinities."""
    x = np.asarray(samples, dtype=np.float64).ravel()
    return x[np.isfinite(x)]


def relative_gap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """How far two intervals lie apart, over the larger magnitude; 0 where they touch or overlap."""
    gap = max(a[0] - b[1], b[0] - a[1])
    scale = max(abs(a[0]), abs(a[1]), abs(b[0]), abs(b[1]))
    return max(0.0, gap / scale) if scale > 0 else 0.0


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """When a cell has been sampled enough: the interval is within `target`, or the budget is spent.

    target: half-width of the 95 % interval of the median, over the median.
    budget_s: sampling seconds that one cell may take; floor and cap: fewest and most samples.
    """

    target: float = 0.01
    budget_s: float = 0.5
    floor: int = 11
    cap: int = 400

    def enough(self, samples: ArrayLike, elapsed_s: float) -> bool:
        """True when no further batch of samples is to be taken."""
        n = finite(samples).size
        if n < self.floor:
            return elapsed_s > 10 * self.budget_s and np.size(samples) > 0
        if n >= self.cap or elapsed_s >= self.budget_s:
            return True
        return estimate(samples).relative_width <= self.target


PROFILES = {
    "quick": Stopping(target=0.02, budget_s=0.1, floor=7, cap=60),
    "standard": Stopping(),
    "full": Stopping(target=0.003, budget_s=3.0, floor=21, cap=2000),
}
