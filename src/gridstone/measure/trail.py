"""What a GPU drew while it was kept busy: readings every few milliseconds, and the mean power between two moments.

The driver's energy counter is the true integral of power, but moves on every tenth of a second only: its value belongs
to the moment at which it was first seen. Power sensors average over a second, or scatter by a tenth from look to look;
an integral of the former stands in where a GPU has no counter.
"""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Protocol

import numpy as np

from gridstone.device import Reading

_EVERY_S = 0.004
_STEADY_S = 0.5  # the length of each of two stretches whose means are compared
_STEADY = 0.01


class Watch(Protocol):
    """Reads the state of a GPU, the energy that it has drawn too if that is asked for; None on a host."""

    def __call__(self, *, energy: bool = False) -> Reading | None: ...


class Trail:
    """Readings of `watch` from a thread of its own, while the `with` block runs. dark: they tell nothing of power."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._moments: list[float] = []
        self._joules: list[float] = []
        self._last: tuple[float, float] | None = None
        self.dark = False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def __enter__(self) -> Trail:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def note(self, moment: float, reading: Reading) -> None:
        """Add what was read at a moment of `time.perf_counter`: a value of the counter, or what power adds up to."""
        self.dark = reading.energy_j is None and reading.power_w is None
        if reading.energy_j is not None:
            if not self._joules or reading.energy_j != self._joules[-1]:
                self._add(moment, reading.energy_j)
        elif reading.power_w is not None:
            before, watts = self._last or (moment, reading.power_w)
            total = self._joules[-1] if self._joules else 0.0
            self._add(moment, total + (moment - before) * (watts + reading.power_w) / 2)
            self._last = (moment, reading.power_w)

    def power(self, start: float, end: float) -> float:
        """Mean power in W between two moments; NaN where they are not within what is known."""
        moments = self._moments[:]  # the thread adds to the other list first
        if not moments or start < moments[0] or end > moments[-1] or end <= start:
            return float("nan")
        at = np.interp([start, end], moments, self._joules[: len(moments)])
        return float(at[1] - at[0]) / (end - start)

    def steady(self) -> bool:
        """Whether the last two stretches of half a second drew the same within 1 %."""
        if not self._moments:
            return False
        last = self._moments[-1]
        older, newer = self.power(last - 2 * _STEADY_S, last - _STEADY_S), self.power(last - _STEADY_S, last)
        return abs(newer - older) <= _STEADY * newer

    def _add(self, moment: float, joules: float) -> None:
        self._joules.append(joules)
        self._moments.append(moment)

    def _follow(self) -> None:
        while not self._over.wait(_EVERY_S):
            reading = self._watch(energy=True)
            if reading is None:
                self.dark = True
                return
            self.note(time.perf_counter(), reading)
