"""The flat stretches of a ladder: where latency stays put while the footprint grows, one per level of memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Plateau:
    """Footprints `start` to `end` share the latency `value`, their median; `first` and `last` index the ladder."""

    start: float
    end: float
    value: float
    first: int
    last: int


def plateaus(
    footprint: Sequence[float],
    latency: Sequence[float],
    *,
    flat: float = 0.06,
    octaves: float = 0.7,
    apart: float = 0.12,
) -> list[Plateau]:
    """Plateaus in the order of footprint.

    A plateau is a longest run of neighbours whose largest value is within `flat` of the smallest, once single
    outliers are taken out by a running median of three, and that spans `octaves` doublings. Longer runs are taken
    first and do not overlap; neighbours closer than `apart` (relative) are one level. The footprints must ascend.
    """
    x, raw = np.asarray(footprint, dtype=float), np.asarray(latency, dtype=float)
    if x.size < 3:
        return []
    y = np.median(np.stack([np.r_[raw[0], raw[:-1]], raw, np.r_[raw[1:], raw[-1]]]), axis=0)
    runs = sorted(_flat_runs(y, flat), key=lambda r: x[r[0]] / x[r[1]])
    taken: list[tuple[int, int]] = []
    free = np.ones(x.size, dtype=bool)
    for first, last in runs:
        while first < last and not free[first]:
            first += 1
        while last > first and not free[last]:
            last -= 1
        if free[first : last + 1].all() and np.log2(x[last] / x[first]) >= octaves:
            taken.append((first, last))
            free[first : last + 1] = False
    return _merge(x, raw, sorted(taken), apart)


def _flat_runs(y: NDArray[np.float64], flat: float) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for first in range(y.size):
        window = y[first:]
        low, high = np.minimum.accumulate(window), np.maximum.accumulate(window)
        broken = np.flatnonzero(high > low * (1 + flat))
        last = first + (int(broken[0]) if broken.size else window.size) - 1
        if not runs or last > runs[-1][1]:
            runs.append((first, last))
    return runs


def _merge(x: NDArray[np.float64], y: NDArray[np.float64], taken: list[tuple[int, int]], apart: float) -> list[Plateau]:
    merged: list[Plateau] = []
    for first, last in taken:
        value = float(np.median(y[first : last + 1]))
        if merged and abs(value - merged[-1].value) <= apart * merged[-1].value:
            first = merged.pop().first
            value = float(np.median(y[first : last + 1]))
        merged.append(Plateau(start=float(x[first]), end=float(x[last]), value=value, first=first, last=last))
    return merged
