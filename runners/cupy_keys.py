"""Random keys to be counted, and how many of them fall into each bin: made once per process, since they are many."""

from __future__ import annotations

import functools
from typing import Any

import cupy as cp
import numpy as np

MOST_BINS = 1 << 19


@functools.cache
def keys(count: int) -> tuple[Any, Any]:
    """`count` random 32-bit keys on the GPU, and how many have each value in their lowest 19 bits (NumPy int64)."""
    made = np.random.default_rng().integers(0, 2**32, count, dtype=np.uint32)
    return cp.asarray(made), np.bincount(made & (MOST_BINS - 1), minlength=MOST_BINS)


def expected(count: int, bins: int) -> Any:
    """How many of the keys fall into each bin: the lowest bits of a key are the number of its bin."""
    return keys(count)[1].reshape(-1, bins).sum(axis=0)
