"""The clock of probes that read several values off their own output."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gridstone.declaration import Samples

Taken = list[Mapping[str, float]]


def _unclocked(run: Callable[[], Taken]) -> tuple[Taken, float]:
    return run(), math.nan


@dataclass(frozen=True, kw_only=True)
class ObservedClock:
    """`observe()` runs the work once and returns one value per metric.

    clocked: calls what it is given, and returns what that returned and the SM clock meanwhile in Hz, NaN if unknown.
    """

    observe: Callable[[], Mapping[str, float]]
    clocked: Callable[[Callable[[], Taken]], tuple[Taken, float]] = _unclocked
    multiprocessors: int = 1

    def take(self, count: int) -> Samples:
        """`count` samples of every observed metric, with one clock for all of them."""
        taken, hz = self.clocked(lambda: [self.observe() for _ in range(count)])
        values = {name: np.array([t[name] for t in taken]) for name in taken[0]}
        return Samples(observed=values, sm_hz=np.full(count, hz), multiprocessors=self.multiprocessors)
