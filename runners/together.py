"""Lets ranks begin an operation at one moment. A barrier does not: it lets some of them go a latency before others."""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np

_FIRST_S, _MOST_S = 1e-6, 50e-3  # of patience
_GROWS, _FADES = 1.5, 0.999  # in balance where one operation in four hundred begins late: one rank is late for most
_TRIED, _DOUBLES = 40, 2.0  # to begin with
_SOON_S = 20e-6


class Together:
    """Called by every rank of `comm`, returns to all of them at the moment that the last of them can keep.

    Each proposes when it will be ready, which is now and as long as it usually takes to hear what all agreed on; the
    latest proposal holds. A rank that hears of it too late is more patient from then on, and less so where it is in
    time: what holds it up once in a while counts for little. ahead: seconds by which the clock of this rank is ahead of
    the first rank's.
    """

    def __init__(self, mpi: Any, comm: Any, now: Any = time.perf_counter) -> None:
        self._comm, self._latest, self._double, self._now = comm, mpi.MAX, mpi.DOUBLE, now
        self._mine, self._agreed = np.zeros(1), np.zeros(1)
        self._patience = _FIRST_S
        self.ahead = 0.0

    def practise(self) -> None:
        """Find out how patient to be."""
        for _ in range(_TRIED):
            self._wait(_DOUBLES)

    def __call__(self) -> None:
        """Wait for the others."""
        self._wait(_GROWS)

    def _wait(self, grows: float) -> None:
        now = self._now
        self._mine[0] = now() - self.ahead + self._patience
        self._comm.Allreduce([self._mine, self._double], [self._agreed, self._double], op=self._latest)
        at = self._agreed[0] + self.ahead
        late = now() > at
        self._patience = min(max(self._patience * (grows if late else _FADES), _FIRST_S), _MOST_S)
        while (left := at - now()) > 0:
            if left > _SOON_S:
                os.sched_yield()  # to ranks that share this core, and have not heard yet
