"""Random keys to be counted, and how many of them fall into each bin: made once per process, since they are many."""

from __future__ import annotations

import functools
from typing import Any

import cupy as cp
import numpy as np

MOST_BINS = 1 << 19
_DRAWN = 1 << 22


@functools.cache
def keys(count: int) -> tuple[Any, Any]:
    """`count` random 32-bit keys on the GPU, and how many have each value in their lowest 19 bits (NumPy int64)."""
    made, counts = masked(count)
    return cp.asarray(made), counts


def masked(count: int) -> tuple[Any, Any]:
    """The same on the host: keys that are drawn, and those again under random masks, which is quicker.

    A mask only renames the bins, so that what is counted once gives the counts of all.
    """
    rng = np.random.default_rng()
    drawn = rng.integers(0, 2**32, min(count, _DRAWN), dtype=np.uint32)
    masks = rng.integers(0, 2**32, -(-count // drawn.size), dtype=np.uint32)
    last = MOST_BINS - 1
    once, bins = np.bincount(drawn & last, minlength=MOST_BINS), np.arange(MOST_BINS, dtype=np.uint32)
    counts = np.zeros_like(once)
    for mask in masks:
        counts += once[bins ^ (mask & last)]
    return (drawn ^ masks[:, None]).ravel(), counts


def expected(count: int, bins: int) -> Any:
    """How many of the keys fall into each bin: the lowest bits of a key are the number of its bin."""
    return keys(count)[1].reshape(-1, bins).sum(axis=0)
