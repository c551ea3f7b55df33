"""Medians and means, their intervals, and when to stop visiting a cell. Pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

RESAMPLES = 999
_GROWTH = 1.5  # of the number of visits from one look at the interval to the next


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A median, or a mean, with its 95 % interval over `n` samples, in the unit of the samples."""

    value: float
    lo: float
    hi: float
    n: int

    @property
    def half_width(self) -> float:
        """Half the interval, in the unit of the samples."""
        return (self.hi - self.lo) / 2

    @property
    def relative_width(self) -> float:
        """Half the interval over the value: the `1 %` of a stopping rule; infinite for a zero value."""
        if self.value == 0:
            return 0.0 if self.hi == self.lo else float("inf")
        return self.half_width / abs(self.value)


def estimate(
    *visits: ArrayLike,
    processes: Sequence[Hashable] = (),
    mean: bool = False,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Estimate:
    """Median of all samples, or with `mean` their mean, and its 95 % interval from a hierarchical percentile bootstrap.

    visits: the samples of each visit to the cell. processes: which process made each visit; one made all by default.
    What one process or one set-up has in common, such as where its queues or its memory lie, makes its samples alike:
    so processes are drawn with replacement first, then visits of each, then samples of each. With one visit this is
    the plain bootstrap. The seed is fixed so that the same samples always give the same interval. Equal samples give
    an interval of width zero. Raises ValueError where there is no finite sample.
    """
    made: dict[Hashable, list[NDArray[np.float64]]] = {}
    for process, visit in zip(processes or [0] * len(visits), map(finite, visits), strict=True):
        if visit.size:
            made.setdefault(process, []).append(visit)
    if not made:
        raise ValueError("no finite sample")
    pooled = np.concatenate([visit for group in made.values() for visit in group])
    if pooled.min() == pooled.max():
        same = float(pooled[0])
        return Estimate(value=same, lo=same, hi=same, n=int(pooled.size))
    value = float(np.mean(pooled) if mean else np.median(pooled))
    drawn = pooled[_drawn(tuple(tuple(visit.size for visit in group) for group in made.values()), resamples, seed)]
    lo, hi = np.quantile(drawn.mean(axis=1) if mean else _medians(drawn), (0.025, 0.975))
    return Estimate(value=value, lo=min(float(lo), value), hi=max(float(hi), value), n=int(pooled.size))


@lru_cache(maxsize=4)  # most cells of a run have as many visits of as many samples
def _drawn(groups: tuple[tuple[int, ...], ...], resamples: int, seed: int) -> NDArray[np.int64]:
    """Indices into the samples of all groups one after the other, by the sizes of their visits: a resample per row.

    Each group that is drawn gives as many visits as the largest has, and each visit as many samples as the largest.
    """
    rng = np.random.default_rng(seed)
    counts = np.array([len(group) for group in groups])
    sizes = np.array([size for group in groups for size in group])
    group = rng.integers(len(groups), size=(resamples, len(groups), 1, 1))
    visit = _one_of(counts, group, counts.max(), rng, axis=2)
    return _one_of(sizes, visit, sizes.max(), rng, axis=3).reshape(resamples, -1)


def _medians(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The median of each row: NumPy sorts rows several times faster than it finds their medians."""
    ordered, middle = np.sort(rows, axis=1), rows.shape[1] // 2
    return ordered[:, middle] if rows.shape[1] % 2 else (ordered[:, middle - 1] + ordered[:, middle]) / 2


def _one_of(
    sizes: NDArray[np.int64], chosen: NDArray[np.int64], times: int, rng: np.random.Generator, axis: int
) -> NDArray[np.int64]:
    """Random members of the chosen of consecutive ranges of these sizes, `times` of each, along `axis`."""
    starts = np.cumsum(sizes) - sizes
    shape = list(chosen.shape)
    shape[axis] = times
    return starts[chosen] + (rng.random(shape) * sizes[chosen]).astype(np.int64)


def finite(samples: ArrayLike) -> NDArray[np.float64]:
    """The samples as float64 without NaN and infinities."""
    x = np.asarray(samples, dtype=np.float64).ravel()
    return x[np.isfinite(x)]


@dataclass(frozen=True, kw_only=True)
class Stopping:
    """When a cell has been visited enough: its interval is narrow, or its budget is spent.

    A run goes through its cells in several `passes`, each with new processes; the other numbers are for one pass.
    A visit sets the cell up anew and takes `samples`. target: half-width of the 95 % interval, over the value, that is
    narrow where a metric asks for none of its own. budget_s: seconds that one cell may take, set-up included. least
    and most: visits; a cell gets fewer than the least only where they would take three budgets. The interval is
    looked at whenever the visits have grown by half: a look at each would cost more than the visits, and stop on a
    lucky one.
    """

    target: float = 0.01
    budget_s: float = 0.1
    samples: int = 5
    least: int = 3
    most: int = 120
    passes: int = 2

    def enough(self, visits: int, spent_s: float, narrow: Callable[[], bool]) -> bool:
        """True when the cell is not to be visited again in this pass.

        visits and spent_s: how many there were in this pass, and how long they took. narrow: looks whether the
        intervals of all passes so far are.
        """
        if visits == 0:
            return False
        if visits >= self.most or spent_s >= 3 * self.budget_s:
            return True
        if visits < self.least:
            return False
        return spent_s >= self.budget_s or (_look_at(visits) and narrow())


def _look_at(count: int) -> bool:
    """True for 1, 2, 3, 4, 6, 8, 12, 18, 26 and so on, half as much again."""
    return count < 2 or int(math.log(count, _GROWTH)) > int(math.log(count - 1, _GROWTH))


PROFILES = {
    "quick": Stopping(target=0.02, budget_s=0.05, least=2, most=3),
    "standard": Stopping(),
    "full": Stopping(target=0.003, budget_s=1.5, samples=11, least=5),
}
