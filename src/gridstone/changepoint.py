"""Where a curve breaks, and how sure that is: change points, permutation tests and groups. Pure functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

PERMUTATIONS = 999
RESAMPLES = 199
_LEFT = 0.05  # of the jump: a point further from the level before the break has left it
_LEAST = 3  # points that make a curve

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Break:
    """A curve that keeps a level up to point `last` and has left it at the next.

    before and after: the levels, in the unit of the curve. p_value: how often a curve of the same points in any order
    breaks as clearly, from permutations. confidence: the share of bootstrap resamples that break at the same point.
    """

    last: int
    before: float
    after: float
    p_value: float
    confidence: float


def find_break(curve: Sequence[ArrayLike], *, seed: int = 0, permutations: int = PERMUTATIONS) -> Break | None:
    """The break of a curve given as the samples of each point, in the order of its axis; None where there is none.

    The split into two levels that leaves the least squares, of the medians of the points; its p-value is from a
    permutation test of that statistic (the largest over all splits, so that having looked at all is in it). The break
    itself lies ahead of the first point that has left the level before by a twentieth of the jump: what follows may
    climb for long. Samples of each point are drawn with replacement for the confidence. A curve of fewer than three
    points, and one whose points are all equal, has no break. Raises ValueError for a point without a sample.
    """
    points = [np.asarray(samples, dtype=np.float64).ravel() for samples in curve]
    if any(point.size == 0 for point in points):
        raise ValueError("a point without a sample")
    if len(points) < _LEAST:
        return None
    medians = np.array([np.median(point) for point in points])
    if medians.min() == medians.max():
        return None
    rng = np.random.default_rng(seed)
    drawn = np.stack([np.median(rng.choice(point, (RESAMPLES, point.size)), axis=1) for point in points], axis=1)
    last, before, after = _leaves(medians)
    same = np.mean([_leaves(row)[0] == last for row in drawn])
    return Break(
        last=last,
        before=before,
        after=after,
        p_value=permutation_p(medians, rng=rng, permutations=permutations),
        confidence=float(same),
    )


def permutation_p(medians: ArrayLike, *, rng: np.random.Generator, permutations: int = PERMUTATIONS) -> float:
    """How often points in any order split into two levels at least as well as in this one (at least 1 / (n + 1))."""
    y = np.asarray(medians, dtype=np.float64)
    found = _gains(y[None, :]).max()
    shuffled = rng.permuted(np.tile(y, (permutations, 1)), axis=1)
    as_good = int((_gains(shuffled).max(axis=1) >= found * (1 - 1e-12)).sum())
    return (as_good + 1) / (permutations + 1)


def find_steps(curve: Sequence[ArrayLike], *, level: float = 0.01, least: int = 4) -> list[Break]:
    """All breaks of a curve of several levels, by binary segmentation, in order; `last` counts from the curve's start.

    A part of fewer than `least` points is not split, nor one whose p-value is above `level`.
    """
    if len(curve) < least:
        return []
    found = find_break(curve)
    if found is None or found.p_value > level:
        return []
    split = found.last + 1
    ahead = find_steps(curve[:split], level=level, least=least)
    behind = find_steps(curve[split:], level=level, least=least)
    moved = [
        Break(
            last=one.last + split,
            before=one.before,
            after=one.after,
            p_value=one.p_value,
            confidence=one.confidence,
        )
        for one in behind
    ]
    return [*ahead, found, *moved]


def split_in_two(values: ArrayLike) -> tuple[Floats, Floats]:
    """The lower and the upper group that split the values best: the largest variance between groups (Otsu 1979).

    Raises ValueError for fewer than two values.
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64).ravel())
    if ordered.size < 2:
        raise ValueError("two groups need two values")
    at = int(np.argmax(_gains(ordered[None, :])[0])) + 1
    return ordered[:at], ordered[at:]


def alike(vectors: ArrayLike, *, within: float) -> NDArray[np.bool_]:
    """Which of n vectors (n x d) lie within `within` of each other in every component: an n x n matrix."""
    x = np.asarray(vectors, dtype=np.float64)
    return np.asarray((np.abs(x[:, None, :] - x[None, :, :]) <= within).all(axis=2))


def groups(close: ArrayLike) -> int:
    """Into how many groups things fall of which `close` (n x n, symmetric) says who is close to whom."""
    linked = np.asarray(close, dtype=bool)
    waiting, count = set(range(len(linked))), 0
    while waiting:
        count += 1
        reached = [waiting.pop()]
        while reached:
            near = waiting.intersection(np.flatnonzero(linked[reached.pop()]).tolist())
            waiting -= near
            reached += near
    return count


def _gains(rows: Floats) -> Floats:
    """By row and split: the squares between the two groups, as a share of all of a row; column k splits after k."""
    size = rows.shape[1]
    centred = rows - rows.mean(axis=1, keepdims=True)
    ahead = np.arange(1, size)
    sums = np.cumsum(centred, axis=1)[:, :-1]
    total = (centred**2).sum(axis=1, keepdims=True)
    between = sums**2 * size / (ahead * (size - ahead))
    return np.asarray(np.divide(between, total, out=np.zeros_like(between), where=total > 0))


def _leaves(medians: Floats) -> tuple[int, float, float]:
    """The last point before the break, and the levels before and behind the best split."""
    split = int(np.argmax(_gains(medians[None, :])[0])) + 1
    before, after = float(np.median(medians[:split])), float(np.median(medians[split:]))
    away = (medians - before) * (1 if after >= before else -1)
    gone = np.flatnonzero(away > _LEFT * abs(after - before))
    first = int(gone[0]) if gone.size else split
    return max(first - 1, 0), before, after
