"""The host clock: `perf_counter_ns` around calls that have finished when they return."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gridstone.declaration import Samples


@dataclass(kw_only=True)
class HostClock:
    """Times `run()`; one sample is as many calls as fill `least_s`, so the timer's own cost vanishes.

    work: units of work per call. calls: how many calls `run` makes itself. least_s: seconds per sample, 0 where
    one `run` is a sample. before: called untimed ahead of every sample, which is then one `run`.
    """

    run: Callable[[], object]
    work: float
    least_s: float = 200e-6
    before: Callable[[], object] | None = None
    calls: int = 1
    _repeats: int = 0

    def take(self, count: int) -> Samples:
        """`count` samples; `seconds` is the duration of one call."""
        if self._repeats == 0:
            self._repeats = 1 if self.before or not self.least_s else self._calibrate()
        taken = np.empty(count)
        for i in range(count):
            if self.before:
                self.before()
            start = time.perf_counter_ns()
            for _ in range(self._repeats):
                self.run()
            taken[i] = (time.perf_counter_ns() - start) * 1e-9 / (self._repeats * self.calls)
        return Samples(seconds=taken, work=self.work)

    def _calibrate(self) -> int:
        start = time.perf_counter_ns()
        self.run()
        once = max((time.perf_counter_ns() - start) * 1e-9, 1e-8)
        return max(1, min(100_000, round(self.least_s / once)))
