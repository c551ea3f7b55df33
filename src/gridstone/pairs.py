"""What depends on an ordered pair of things: the groups that pairs form, and the additive model of a pair's value."""

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
_NORMAL = 1.96  # standard deviations from a mean to the end of its 95 % interval


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


@dataclass(frozen=True, kw_only=True)
class Table:
    """One value for each of some ordered pairs: `source`, `destination` and `value` of one length."""

    source: Ints
    destination: Ints
    value: Floats


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a second table of the same pairs changes in the additive model of a first one, in the unit of the values.

    level, source, destination: the largest change of the level of a group, of a source effect and of a destination
    effect. interval: the largest half-width of the 95 % interval of an effect. within: the share of all parameters that
    change by no more than their own interval, that of the less certain fit. pairs: how many pairs both tables have.
    """

    level: float
    source: float
    destination: float
    interval: float
    within: float
    pairs: int


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


def half_widths(model: Additive, table: Table) -> Additive:
    """Half the 95 % interval of each parameter of a model, from the residuals of the table that it was fitted to.

    Outliers, which the fit left out, are left out here too. Of n pairs with k things on each side, n - 2 k + 1 degrees
    of freedom are left; a level is known within s / sqrt(n), an effect within s / sqrt(m) of the m pairs of its thing
    (Scheffe, "The Analysis of Variance", two-way layout). NaN for a group so small that none is left.
    """
    residual = table.value - model.predict(table.source, table.destination)
    level, a, b = (np.full(model.level.size, np.nan) for _ in range(3))
    for members in groups(table.source, table.destination):
        inside, index = np.isin(table.source, members), np.array(members)
        kept = _usual(residual[inside])
        s, d, left = table.source[inside][kept], table.destination[inside][kept], residual[inside][kept]
        freedom = left.size - 2 * index.size + 1
        if freedom < 1:
            continue
        spread = _NORMAL * float(np.sqrt(np.square(left).sum() / freedom))
        level[index] = spread / np.sqrt(left.size)
        for effect, side in ((a, s), (b, d)):
            effect[index] = spread / np.sqrt(np.maximum(np.bincount(side, minlength=model.level.size)[index], 1))
    return Additive(level=level, source=a, destination=b)


def compared(one: Table, two: Table, *, resolution: float = 0.0) -> Change:
    """The additive models of two tables beside each other, over the pairs that both have, in groups that can be judged.

    resolution: of the values; no interval is narrower. Raises ValueError where no such group is in both.
    """
    size = int(max(one.source.max(), one.destination.max(), two.source.max(), two.destination.max())) + 1
    _, first, second = np.intersect1d(
        one.source * size + one.destination, two.source * size + two.destination, return_indices=True
    )
    if not first.size:
        raise ValueError("the two tables have no pair in common")
    tables = [
        Table(source=table.source[at], destination=table.destination[at], value=table.value[at])
        for table, at in ((one, first), (two, second))
    ]
    models = [additive(table.source, table.destination, table.value) for table in tables]
    widths = [half_widths(model, table) for model, table in zip(models, tables, strict=True)]
    names = ("level", "source", "destination")
    changes = {name: np.abs(getattr(models[1], name) - getattr(models[0], name)) for name in names}
    allowed = {name: np.fmax(resolution, np.maximum(*(getattr(width, name) for width in widths))) for name in names}
    known = np.isfinite(widths[0].level) & np.isfinite(widths[1].level)
    if not known.any():
        raise ValueError("the two tables have no group in common that is large enough to be judged")
    largest = {name: float(changes[name][known].max()) for name in names}
    return Change(
        **largest,
        interval=max(float(allowed[name][known].max()) for name in names),
        within=float(np.mean([changes[name][known] <= allowed[name][known] for name in names])),
        pairs=int(first.size),
    )


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


def _fit(i: Ints, j: Ints, y: Floats, size: int) -> tuple[float, Floats, Floats]:
    """Level, source effects and destination effects of one group whose things are 0 to size - 1."""
    centre = float(np.median(y))
    residual = _least_absolute(i, j, y - centre, size)
    a, b = _least_squares(i, j, y - centre, _usual(residual).astype(np.float64), size)
    return centre + float(a.mean() + b.mean()), a - a.mean(), b - b.mean()


def _usual(residual: Floats) -> NDArray[np.bool_]:
    """Which pairs of a group are no outliers, from what the model leaves of them."""
    spread = max(1.4826 * float(np.median(np.abs(residual))), _LEAST_SPREAD)
    return np.asarray(np.abs(residual) <= _OUTLYING * spread)


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

    A constant may go from the one to the other, and from part to part where no pair joins them: a trace on the diagonal
    picks the smallest.
    """
    table = np.zeros((size, size))
    np.add.at(table, (i, j), weight)
    normal = np.block([[np.diag(table.sum(axis=1)), table], [table.T, np.diag(table.sum(axis=0))]])
    normal[np.diag_indices(2 * size)] += _TRACE
    right = np.concatenate([np.bincount(side, weight * y, minlength=size) for side in (i, j)])
    effects = np.linalg.solve(normal, right)
    return effects[:size], effects[size:]
