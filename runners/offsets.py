"""By how much the clock of another process is ahead of this one's, and what that makes of its times."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

ROUNDS = 20


@dataclass(frozen=True, kw_only=True)
class Offset:
    """The other clock was `ahead` seconds of this one when it showed `at`."""

    at: float
    ahead: float


def seen(ask: Callable[[], float]) -> Offset:
    """The offset by the fastest of some round trips (Cristian, 1989). ask: the other clock's time, which it fetches."""
    best, found = float("inf"), Offset(at=0.0, ahead=0.0)
    for _ in range(ROUNDS):
        sent = time.perf_counter()
        there = ask()
        back = time.perf_counter()
        if back - sent < best:
            best, found = back - sent, Offset(at=there, ahead=there - (sent + back) / 2)
    return found


def here(times: Sequence[float], before: Offset, after: Offset) -> Any:
    """Times of the other clock as this one would have shown them; the offset drifts evenly between two looks."""
    there = np.asarray(times, dtype=float)
    span = after.at - before.at
    share = (there - before.at) / span if span > 0 else 0.0
    return there - before.ahead - share * (after.ahead - before.ahead)
