"""What a rank does by itself before a collective, and how one of them is held up on purpose."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

DELAYED_EVERY = 5
_ADDITIONS, _NUMBERS = 8, 4096


def before(rank: int, size: int, delay: float) -> Callable[[], None]:
    """A little work, which a slow core takes longer for; the last of `size` ranks waits `delay` seconds besides, in
    one call of `DELAYED_EVERY`."""
    room, turn = np.zeros(_NUMBERS), 0
    late = delay if rank == size - 1 else 0.0

    def work() -> None:
        nonlocal turn
        for _ in range(_ADDITIONS):
            np.add(room, 1.0, out=room)
        turn += 1
        if late and turn % DELAYED_EVERY == 0:
            until = time.perf_counter() + late
            while time.perf_counter() < until:
                pass

    return work
