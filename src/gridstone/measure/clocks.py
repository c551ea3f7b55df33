"""Cycles at one clock: L2 and memory have clocks of their own, so what they take in SM cycles moves with the SM's."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridstone.measure.sampling import Taken
from gridstone.stats import finite

_ALIKE = 0.002  # a step of the clock is 15 MHz, which is 0.76 %; one within a visit makes it any part of that


def clock(visit: Taken) -> float:
    """The SM clock of a visit in MHz: as counted in the kernel, else as read from the driver; NaN where neither is."""
    counted = finite(visit.samples.sm_hz)
    if counted.size:
        return float(np.median(counted)) / 1e6
    read = [reading.sm_mhz for reading in visit.readings if reading.sm_mhz is not None]
    return float(statistics.median(read)) if read else math.nan


def at_one_clock(unit: str, visits: Sequence[NDArray[np.float64]], mhz: Sequence[float]) -> list[NDArray[np.float64]]:
    """The samples of each visit, latencies in cycles as they would be at the middle one of the clocks of the visits.

    A latency of c cycles of which t seconds are not the SM's is c = a + t f at a clock f. Where visits had clocks that
    differ, t is the slope of the line through them, and no less than none of the latency and no more than all of it;
    what is left lies as much further apart as a line takes from the spread. A slope asks for two visits at least on
    either side. mhz: the clock of each visit, NaN where it is not known; empty where none is. What is not counted in
    cycles per something, or is a difference below zero, is left as it is.
    """
    clocks = np.asarray(mhz, dtype=np.float64)
    if not unit.startswith("cycle") or clocks.size != len(visits):
        return list(visits)
    known = np.isfinite(clocks) & np.array([visit.size > 0 for visit in visits])
    if not known.any():
        return list(visits)
    held = float(np.quantile(clocks[known], 0.5, method="inverted_cdf"))
    moved = np.where(known, clocks - held, 0.0)
    if not _tells_a_slope(moved[known] / held):  # so of most cells, and asked first: a median takes ten times as long
        return list(visits)
    middles = np.array([np.median(visit) for visit, told in zip(visits, known, strict=True) if told])
    if np.median(middles) <= 0:
        return list(visits)
    slope = float(np.polyfit(moved[known], middles, 1)[0])
    slope = min(max(slope, 0.0), float(np.median(middles)) / held)
    left = middles - slope * moved[known]
    further = np.zeros(len(visits))
    further[known] = (left - np.median(left)) * (math.sqrt((left.size - 1) / (left.size - 2)) - 1)
    return [visit - slope * by + more for visit, by, more in zip(visits, moved, further, strict=True)]


def _tells_a_slope(shares: NDArray[np.float64]) -> bool:
    """Whether clocks differ without the highest and the lowest too: one visit alone is not to move the others."""
    steps = np.sort(shares)
    return bool(steps.size > 3 and steps[-2] - steps[1] > _ALIKE)
