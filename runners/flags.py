"""A flag in host memory that goes to and fro between a thread of the host and a kernel."""

from __future__ import annotations

import ctypes
import time
from typing import Any

import numpy as np
from numba import njit

_PATIENCE = 20_000_000  # looks at the flag before the host gives up: some tenths of a second
_TIMEOUT_NS = 2_000_000_000
# A call that the compiler cannot look into: the flag is read anew at each.
_read = ctypes.CDLL(None).memcpy
_read.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
_read.restype = ctypes.c_void_p


@njit(nogil=True)
def converse(asked: Any, answered: Any, seen: Any, first: int, last: int) -> int:
    """Ask with the numbers `first` to `last`, each after the answer to the one before; the last that was answered."""
    for number in range(first, last + 1):
        asked[0] = number
        for _ in range(_PATIENCE):
            _read(seen.ctypes.data, answered.ctypes.data, 4)
            if seen[0] == number:
                break
        if seen[0] != number:
            return number - 1
    return last


def round_trips(gpu: Any, rounds: int) -> Any:
    """Work that observes `latency`, seconds from asking to seeing the answer, over `rounds` of them."""
    lines = gpu.pinned(512).view(np.uint32)
    asked, answered = lines[:1], lines[64:65]
    seen = np.zeros(1, dtype=np.uint32)
    warm = 16
    converse(asked, answered, seen, 1, 0)  # compiled before the kernel waits for it

    def observe() -> dict[str, float]:
        asked[0] = answered[0] = 0
        gpu.enqueue(gpu.kernel, 1, 1, [asked, answered, np.uint32(warm + rounds), np.uint64(_TIMEOUT_NS)])
        reached = converse(asked, answered, seen, 1, warm)
        start = time.perf_counter_ns()
        if reached == warm:
            reached = converse(asked, answered, seen, warm + 1, warm + rounds)
        took = time.perf_counter_ns() - start
        gpu.synchronize()
        if reached != warm + rounds:
            raise RuntimeError(f"the kernel did not answer flag {reached + 1}")
        return {"latency": took * 1e-9 / rounds}

    return gpu.observe(observe)
