"""Medians, their intervals, and when to stop visiting a cell. Pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def estimate(*visits: ArrayLike, seed: int = 0) -> Estimate:
    """Median of all samples, and its 95 % interval from a hierarchical percentile bootstrap (999 resamples).

    visits: the samples of each visit to the cell. What one set-up has in common, such as where its memory lies,
    makes its samples alike, so visits are drawn with replacement first, then samples within each. With one visit
    this is the plain bootstrap. The seed is fixed so that the same samples always give the same interval. Equal
    samples give an interval of width zero. Raises ValueError where there is no finite sample.
    """
    groups = [x for x in map(finite, visits) if x.size]
    if not groups:
        raise ValueError("no finite sample")
    pooled = np.concatenate(groups)
    median = float(np.median(pooled))
    if pooled.min() == pooled.max():
        return Estimate(value=median, lo=median, hi=median, n=int(pooled.size))
    lo, hi = np.quantile(_medians_of_resamples(groups, pooled, np.random.default_rng(seed)), (0.025, 0.975))
    return Estimate(value=median, lo=min(float(lo), median), hi=max(float(hi), median), n=int(pooled.size))


def _medians_of_resamples(
    groups: Sequence[NDArray[np.float64]], pooled: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    sizes = np.array([x.size for x in groups])
    starts = np.cumsum(sizes) - sizes
    drawn = rng.integers(len(groups), size=(_RESAMPLES, len(groups)))
    shape = (*drawn.shape, int(sizes.max()))
    size = sizes[drawn][:, :, None]
    values = pooled[starts[drawn][:, :, None] + (rng.random(shape) * size).astype(np.int64)]
    if sizes.min() == sizes.max():
        return np.asarray(np.median(values.reshape(_RESAMPLES, -1), axis=1))
    values[np.arange(shape[2]) >= size] = np.nan
    return np.asarray(np.nanmedian(values.reshape(_RESAMPLES, -1), axis=1))


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
    """When a cell has been visited enough: its interval is within `target`, or its budget is spent.

    A visit sets the cell up anew and takes `samples`. target: half-width of the 95 % interval of the median, over
    the median. budget_s: seconds that one cell may take, set-up included. least and most: visits; a cell gets
    fewer than the least only where they would take three budgets. The interval is looked at whenever the visits
    have grown by a quarter: a look at each would cost more than the visits, and stop on a lucky one.
    """

    target: float = 0.01
    budget_s: float = 0.3
    samples: int = 5
    least: int = 3
    most: int = 240

    def enough(self, visits: Sequence[ArrayLike], spent_s: float) -> bool:
        """True when the cell is not to be visited again. visits: the samples of each visit so far."""
        count = len(visits)
        if count == 0:
            return False
        if count >= self.most or spent_s >= 3 * self.budget_s:
            return True
        if count < self.least:
            return False
        if spent_s >= self.budget_s:
            return True
        if not _look_at(count) or not any(finite(x).size for x in visits):
            return False
        return estimate(*visits).relative_width <= self.target


def _look_at(count: int) -> bool:
    """True for 1, 2, 3, 4, 5, 6, 8, 10, 12 and so on, a quarter apart."""
    return count < 2 or int(math.log(count, 1.25)) > int(math.log(count - 1, 1.25))


PROFILES = {
    "quick": Stopping(target=0.02, budget_s=0.1, least=2, most=4),
    "standard": Stopping(),
    "full": Stopping(target=0.003, budget_s=3.0, samples=11, least=5),
}
