"""A clock whose samples are means: over other places each, so that where a chain runs or lies is not in the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridstone.clock import Work
from gridstone.declaration import Samples


@dataclass(frozen=True, kw_only=True)
class Averages:
    """Each sample is the mean of `times` samples of `clock`, which goes on to another place with every one it takes."""

    clock: Any
    times: int

    def take(self, count: int) -> Samples:
        """`count` means of seconds and cycles; the SM clock is the median of what was seen."""
        taken = [[self.clock.take(1) for _ in range(self.times)] for _ in range(count)]
        hz = np.array([[one.sm_hz[0] for one in part] for part in taken])
        return replace(
            taken[-1][-1],
            seconds=np.array([np.mean([one.seconds[0] for one in part]) for part in taken]),
            cycles=np.array([np.mean([one.cycles[0] for one in part]) for part in taken]),
            sm_hz=np.array([np.median(row[np.isfinite(row)]) if np.isfinite(row).any() else np.nan for row in hz]),
        )


def averaged(work: Work, times: int) -> Work:
    """The work, each of its samples the mean of so many."""
    return replace(work, clock=Averages(clock=work.clock, times=times)) if times > 1 else work
