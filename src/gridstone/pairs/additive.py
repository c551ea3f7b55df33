"""The groups that ordered pairs of things form, and the additive model of a pair's value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_OUTLYING = 6.0  # robust standard deviations from the model at which a pair is left out of the fit
_LEAST_SPREAD = 0.05  # in the unit of the values: below it differences are rounding, not outliers
_STEPS, _CLOSE = 100, 1e-4  # of the fit that tells outliers: steps at most, and when it has arrived
_TRACE = 1e-9


@dataclass(frozen=True, kw_only=True)
class Additive:
    """value = level + source effect + destination effect, within each group of things that form pairs.

    Arrays are indexed by the number of the thing; things of no pair have NaN. The effects of a group have zero sum.
    """

    level: Floats
    source: Floats
    destination: Floats

    def predict(self, source: ArrayLike, destination: ArrayLike) -> Floats:
        """The value of each ordered pair; NaN where its things are of two groups, or in no pair of the fit."""
        s, d = np.asarray(source, np.int64), np.asarray(destination, np.int64)
        found: Floats = self.level[s] + self.source[s] + self.destination[d]
        return np.where(self.level[s] == self.level[d], found, np.nan)


def groups(source: ArrayLike, destination: ArrayLike) -> list[tuple[int, ...]]:
    """The things that are connected by pairs, each group in ascending order, groups by their first."""
    s, d = np.asarray(source, np.int64), np.asarray(destination, np.int64)
    if not s.size:
        return []
    label = np.arange(int(max(s.max(), d.max())) + 1)
    while True:
        least = np.minimum(label[s], label[d])
        before = label.copy()
        np.minimum.at(label, s, least)
        np.minimum.at(label, d, least)
        if (label == before).all():
            break
    members = np.unique(np.concatenate([s, d]))
    return [tuple(members[label[members] == first].tolist()) for first in np.unique(label[members])]


def additive(source: ArrayLike, destination: ArrayLike, value: ArrayLike) -> Additive:
    """The additive model by least squares, group by group, over the pairs that are no outliers.

    Outliers are told by a fit of least absolute deviations, which a few of them do not move: a pair under a wrong name,
    or one that was measured while something else went on, does not move the model of the others.
    """
    s, d = np.asarray(source, np.int64), np.asarray(destination, np.int64)
    y = np.asarray(value, np.float64)
    size = int(max(s.max(), d.max())) + 1
    level, a, b = (np.full(size, np.nan) for _ in range(3))
    for members in groups(s, d):
        inside = np.isin(s, members)
        index = np.array(members)
        i, j = np.searchsorted(index, s[inside]), np.searchsorted(index, d[inside])
        level[index], a[index], b[index] = _fit(i, j, y[inside], len(members))
    return Additive(level=level, source=a, destination=b)


def held_out(source: ArrayLike, destination: ArrayLike, value: ArrayLike, *, parts: int = 5, seed: int = 0) -> Floats:
    """The value that the model predicts for each pair from the pairs of the other parts; NaN where they say nothing."""
    s, d = np.asarray(source, np.int64), np.asarray(destination, np.int64)
    y = np.asarray(value, np.float64)
    predicted = np.full(y.size, np.nan)
    size = int(max(s.max(), d.max())) + 1
    for held in np.array_split(np.random.default_rng(seed).permutation(y.size), min(parts, y.size)):
        rest = np.setdiff1d(np.arange(y.size), held)
        if not rest.size:
            continue
        model = additive(s[rest], d[rest], y[rest])
        known = np.zeros((2, size), bool)
        known[0, s[rest]], known[1, d[rest]] = True, True
        sure = held[known[0, s[held]] & known[1, d[held]]]
        predicted[sure] = model.predict(s[sure], d[sure])
    return predicted


def quality(value: ArrayLike, predicted: ArrayLike) -> tuple[float, float]:
    """R2 and the root mean square of the residuals, over the pairs that have a prediction."""
    y, p = np.asarray(value, np.float64), np.asarray(predicted, np.float64)
    both = np.isfinite(y) & np.isfinite(p)
    y, residual = y[both], y[both] - p[both]
    if y.size < 2:
        return float("nan"), float("nan")
    total = float(np.square(y - y.mean()).sum())
    left = float(np.square(residual).sum())
    return (1 - left / total if total else float("nan")), float(np.sqrt(left / y.size))


def usual(residual: Floats) -> NDArray[np.bool_]:
    """Which pairs of a group are no outliers, from what the model leaves of them."""
    spread = max(1.4826 * float(np.median(np.abs(residual))), _LEAST_SPREAD)
    return np.asarray(np.abs(residual) <= _OUTLYING * spread)


def normal_matrix(i: Ints, j: Ints, weight: Floats, size: int) -> Floats:
    """Of the least squares over the source and the destination effects of things 0 to size - 1: (2 size, 2 size)."""
    table = np.zeros((size, size))
    np.add.at(table, (i, j), weight)
    return np.block([[np.diag(table.sum(axis=1)), table], [table.T, np.diag(table.sum(axis=0))]])


def _fit(i: Ints, j: Ints, y: Floats, size: int) -> tuple[float, Floats, Floats]:
    """Level, source effects and destination effects of one group whose things are 0 to size - 1."""
    centre = float(np.median(y))
    residual = _least_absolute(i, j, y - centre, size)
    a, b = _least_squares(i, j, y - centre, usual(residual).astype(np.float64), size)
    return centre + float(a.mean() + b.mean()), a - a.mean(), b - b.mean()


def _least_absolute(i: Ints, j: Ints, y: Floats, size: int) -> Floats:
    """The residuals of the effects with the least sum of absolute residuals, by reweighted least squares.

    Residuals below the least spread count as squares, so that there is one minimum, and the steps reach it. A median
    polish would be shorter, but may stop elsewhere where rows have an even number of values.
    """
    residual, weight = y, np.ones(y.size)
    for _ in range(_STEPS):
        a, b = _least_squares(i, j, y, weight, size)
        before, residual = residual, y - a[i] - b[j]
        if np.abs(residual - before).max() < _CLOSE:
            break
        weight = _LEAST_SPREAD / np.maximum(np.abs(residual), _LEAST_SPREAD)
    return residual


def _least_squares(i: Ints, j: Ints, y: Floats, weight: Floats, size: int) -> tuple[Floats, Floats]:
    """Source and destination effects by weighted least squares, from the normal equations.

    Those of the sources alone are diagonal: with these effects eliminated an eighth of the work is left. A constant may
    go from the one to the other, and from part to part where no pair joins them: a trace on the diagonal picks the
    smallest.
    """
    table = np.bincount(i * size + j, weight, size * size).reshape(size, size)
    of_source, of_destination = table.sum(axis=1) + _TRACE, table.sum(axis=0) + _TRACE
    right_source, right_destination = (np.bincount(side, weight * y, size) for side in (i, j))
    left = np.diag(of_destination) - table.T @ (table / of_source[:, None])
    destination = np.linalg.solve(left, right_destination - right_source / of_source @ table)
    return (right_source - table @ destination) / of_source, destination
