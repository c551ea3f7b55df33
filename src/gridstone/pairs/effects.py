"""What the levels of a factor add to the values of the same pairs, and whether as much comes about by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def level_effects(table: ArrayLike, *, permutations: int = 99, seed: int = 0) -> tuple[Floats, float]:
    """What each level (column) adds to the values of the same pairs (rows), and the chance of as much without a cause.

    table: NaN where a pair was not seen at a level. The effect is the trimmed mean of the difference from the pair's
    own mean over its levels. The chance is that of a permutation test, which exchanges a pair's values between its
    levels; its least value is 1 / (permutations + 1).
    """
    values = np.asarray(table, np.float64)
    values = values[np.isfinite(values).sum(axis=1) > 1]
    if not values.size:
        return np.full(np.shape(table)[1], np.nan), float("nan")
    differences = values - np.nanmean(values, axis=1, keepdims=True)
    effects = np.array([_trimmed_mean(column) for column in differences.T])
    rng = np.random.default_rng(seed)
    there = np.isfinite(differences)
    places = np.argsort(~there, axis=1, kind="stable")
    beyond = 0
    for _ in range(permutations):
        drawn = np.argsort(np.where(there, rng.random(there.shape), np.inf), axis=1)
        shuffled = np.full_like(differences, np.nan)
        np.put_along_axis(shuffled, places, np.take_along_axis(differences, drawn, axis=1), axis=1)
        beyond += _between(shuffled) >= _between(differences)
    return effects, (beyond + 1) / (permutations + 1)


def _between(differences: Floats) -> float:
    count = np.isfinite(differences).sum(axis=0)
    return float((np.square(np.nansum(differences, axis=0)) / np.maximum(count, 1)).sum())


def _trimmed_mean(column: Floats) -> float:
    known = np.sort(column[np.isfinite(column)])
    cut = known.size // 10
    return float(known[cut : known.size - cut].mean()) if known.size else float("nan")
