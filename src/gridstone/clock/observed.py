"""The clock of probes that read several values off their own output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gridstone.declaration import Samples


@dataclass(frozen=True, kw_only=True)
class ObservedClock:
    """`observe()` runs the work once and returns one value per metric."""

    observe: Callable[[], Mapping[str, float]]
    multiprocessors: int = 1

    def take(self, count: int) -> Samples:
        """`count` samples of every observed metric."""
        taken = [self.observe() for _ in range(count)]
        values = {name: np.array([t[name] for t in taken]) for name in taken[0]}
        return Samples(observed=values, multiprocessors=self.multiprocessors)
