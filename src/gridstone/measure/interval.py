"""The value of a metric and its interval, from the samples of each visit to a cell."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridstone.measure.clocks import at_one_clock
from gridstone.stats import RESAMPLES, Estimate, estimate
from gridstone.store import Row
from gridstone.units import adds_up


def by_visit(samples: ArrayLike, visits: Sequence[int]) -> list[NDArray[np.float64]]:
    """The samples of a row, one array per visit. visits: how many each gave."""
    taken, ends = np.asarray(samples, dtype=np.float64), np.cumsum([0, *visits])
    return [taken[start:end] for start, end in itertools.pairwise(ends)]


def clocks_of(row: Row) -> list[float]:
    """The SM clock of each visit of a row in MHz, NaN where it is not known."""
    return list(row.visit_mhz) or [math.nan] * len(row.visits)


def makers(processes: Sequence[int], passes: Sequence[int]) -> list[Hashable]:
    """Which process of which pass made each visit: passes of different sessions may have had equal process ids."""
    numbers = np.repeat(np.arange(len(passes)), passes).tolist()
    return list(zip(numbers, processes, strict=True))


def interval(
    unit: str,
    taken: Sequence[NDArray[np.float64]],
    mhz: Sequence[float],
    processes: Sequence[Hashable],
    resamples: int = RESAMPLES,
) -> Estimate | None:
    """Median, or mean of what adds up, of all samples at one clock; None where there is none.

    taken: finite samples of each visit, in `unit`. mhz: the SM clock of each visit, as `at_one_clock` takes it.
    processes: what tells the processes apart that made each visit.
    """
    if not any(visit.size for visit in taken):
        return None
    return estimate(*at_one_clock(unit, taken, mhz), processes=processes, mean=adds_up(unit), resamples=resamples)
