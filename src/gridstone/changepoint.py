"""Where a curve breaks, and how sure that is: change points, permutation tests and groups. Pure functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

PERMUTATIONS = 999
RESAMPLES = 499
_LEFT = 0.05  # of the jump: a point further from the level before the break has left it
_LEAST = 3  # points that make a curve
_NORMAL = 1.96  # standard deviations from the median to the end of a 95 % interval

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Medians in the order of an axis, and the 95 % interval of each: `value`, `lo` and `hi`, arrays of one length."""

    value: Floats
    lo: Floats
    hi: Floats

    def part(self, start: int, end: int) -> Curve:
        """The points from `start` up to, without, `end`."""
        return Curve(value=self.value[start:end], lo=self.lo[start:end], hi=self.hi[start:end])

    def drawn(self, count: int, rng: np.random.Generator) -> Floats:
        """`count` curves (count x points), each point from the normal distribution that has its interval."""
        spread = np.maximum(self.hi - self.lo, 0.0) / (2 * _NORMAL)
        return self.value + spread * rng.normal(size=(count, self.value.size))


@dataclass(frozen=True, kw_only=True)
class Break:
    """A curve that keeps a level up to point `last` and has left it at the next.

    before and after: the levels, in the unit of the curve. p_value: how often a curve of the same points in any order
    breaks as clearly, from permutations. confidence: the share of curves, redrawn within the points' intervals, that
    break at the same point.
    """

    last: int
    before: float
    after: float
    p_value: float
    confidence: float


def find_break(curve: Curve, *, seed: int = 0, permutations: int = PERMUTATIONS) -> Break | None:
    """The break of a curve, or None where it has none: fewer than three points, or all points equal.

    The split into two levels that leaves the least squares; its p-value is from a permutation test of that statistic
    (the largest over all splits, so that having looked at all is in it). The break itself lies ahead of the first point
    that has left the level before by a twentieth of the jump: what follows may climb for long.
    """
    medians = curve.value
    if medians.size < _LEAST or medians.min() == medians.max():
        return None
    rng = np.random.default_rng(seed)
    last, before, after = _leaves(medians)
    same = np.mean([_leaves(row)[0] == last for row in curve.drawn(RESAMPLES, rng)])
    return Break(
        last=last,
        before=before,
        after=after,
        p_value=permutation_p(medians, rng=rng, permutations=permutations),
        confidence=float(same),
    )


@dataclass(frozen=True, kw_only=True)
class Passage:
    """How a curve passes from one level to another: it keeps the one up to point `last`, at `half` the other is nearer.

    confidence: the share of curves, redrawn within the points' intervals, of which both are the same.
    """

    last: int
    half: int
    confidence: float


def find_passage(curve: Curve, before: float, after: float, *, seed: int = 0) -> Passage | None:
    """The passage of a curve between two known levels, or None where it does not come to the other one or begins there.

    A curve that climbs for long has no one point where it breaks: it has left a level by a twentieth of the way.
    """
    found = _passes(curve.value, before, after)
    if found is None:
        return None
    drawn = curve.drawn(RESAMPLES, np.random.default_rng(seed))
    same = np.mean([_passes(row, before, after) == found for row in drawn])
    return Passage(last=found[0], half=found[1], confidence=float(same))


def permutation_p(medians: ArrayLike, *, rng: np.random.Generator, permutations: int = PERMUTATIONS) -> float:
    """How often points in any order split into two levels at least as well as in this one (at least 1 / (n + 1))."""
    y = np.asarray(medians, dtype=np.float64)
    found = _gains(y[None, :]).max()
    shuffled = rng.permuted(np.tile(y, (permutations, 1)), axis=1)
    as_good = int((_gains(shuffled).max(axis=1) >= found * (1 - 1e-12)).sum())
    return (as_good + 1) / (permutations + 1)


def find_steps(curve: Curve, *, level: float = 0.01, least: int = 6) -> list[Break]:
    """All breaks of a curve of several levels, by binary segmentation, in order; `last` counts from the curve's start.

    A part of fewer than `least` points is not split, nor one whose p-value is above `level`.
    """
    size = curve.value.size
    found = find_break(curve) if size >= least else None
    if found is None or found.p_value > level:
        return []
    split = found.last + 1
    behind = find_steps(curve.part(split, size), level=level, least=least)
    moved = [replace(one, last=one.last + split) for one in behind]
    return [*find_steps(curve.part(0, split), level=level, least=least), found, *moved]


def paired_p(one: ArrayLike, other: ArrayLike, *, seed: int = 0, permutations: int = PERMUTATIONS) -> float:
    """How often pairs with their members swapped at random differ as much in the mean (at least 1 / (n + 1))."""
    difference = np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (permutations, difference.size))
    as_much = int((np.abs(signs @ difference) >= np.abs(difference.sum()) * (1 - 1e-12)).sum())
    return (as_much + 1) / (permutations + 1)


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


def _passes(medians: Floats, before: float, after: float) -> tuple[int, int] | None:
    """The last point that keeps the level before, and the first that is nearer to the one after."""
    way = (medians - before) / (after - before)
    left, nearer = np.flatnonzero(way > _LEFT), np.flatnonzero(way > 1 / 2)
    if not nearer.size or left[0] == 0:
        return None
    return int(left[0]) - 1, int(nearer[0])


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
