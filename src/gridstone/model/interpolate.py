"""Interpolation over a scattered grid: curves along the last coordinate, joined across the others.

A table has one row per point, sorted by its coordinates, outermost first, which are followed by its columns. The
columns of knots are the value and its slope d log(value) / d log(last coordinate). Cells that a run lacks leave gaps
in the grid; `covers` says where. Questions are arrays of shape (k, d), all answered at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Form = Literal["loglog", "cubic", "affine", "harmonic"]
Table = NDArray[np.float64]
Mask = NDArray[np.bool_]
Indices = NDArray[np.intp]
_OCTAVE = 2.0
# Across a wider step between measured cells nothing is known of the course in between.
WIDEST_STEP = 8.0


def evaluate(knots: Table, x: Table, form: Form) -> Table:
    """(k,): the values at `x` (k, d); beyond the knots (n, d + 2), the course of the last octave is continued.

    form: `loglog` is piecewise linear in the logarithms (a power law between knots), `cubic` a cubic Hermite
    curve in the logarithms through the given slopes, `affine` piecewise linear in the quantities themselves
    (a latency plus bytes over a bandwidth between knots), `harmonic` piecewise linear in one over the coordinate
    (time per byte, or per pass, that saturates with the bytes or the threads at work). Outer coordinates are
    joined linearly in the logarithms.
    """
    if x.shape[1] == 0:
        return np.full(len(x), knots[0, 0])
    if x.shape[1] == 1:
        return _curve(knots[:, 0], knots[:, 1], knots[:, 2], x[:, 0], form)
    along, starts = _slices(knots, x.shape[1])
    left, right = _bracket(along, x[:, 0])
    if along.size > 1:
        # Beyond the grid the outermost two slices say how it goes on.
        left = np.where(x[:, 0] > along[-1], along.size - 2, left)
        right = np.where(x[:, 0] < along[0], 1, right)
    low, high = np.empty(len(x)), np.empty(len(x))
    for index, values in ((left, low), (right, high)):
        for rows, inner in _per_slice(knots, starts, index):
            values[rows] = np.log(evaluate(inner, x[rows, 1:], form))
    width = np.log(along[right] / along[left])
    share = np.log(x[:, 0] / along[left]) / np.where(width > 0, width, np.inf)
    return np.asarray(np.exp(low + share * (high - low)))


def covers(table: Table, x: Table, widest: float = WIDEST_STEP) -> Mask:
    """(k,): whether `x` (k, d) lies between points in every coordinate, none further apart than `widest` times."""
    if x.shape[1] == 0:
        return np.ones(len(x), dtype=bool)
    along, starts = _slices(table, x.shape[1])
    left, right = _bracket(along, x[:, 0])
    inside = (along[0] <= x[:, 0]) & (x[:, 0] <= along[-1]) & (along[right] <= widest * along[left])
    if x.shape[1] > 1:
        for index in (left, right):
            for rows, inner in _per_slice(table, starts, index):
                inside[rows] &= covers(inner, x[rows, 1:], widest)
    return np.asarray(inside)


def largest_around(table: Table, x: Table) -> Table:
    """(k,): the largest of the last column over the points that bracket `x` (k, d); beyond the rim, at the rim."""
    if x.shape[1] == 0:
        return np.full(len(x), table[0, -1])
    along, starts = _slices(table, x.shape[1])
    most = np.full(len(x), -np.inf)
    for index in _bracket(along, x[:, 0]):
        if x.shape[1] == 1:
            most = np.maximum(most, table[index, -1])
            continue
        for rows, inner in _per_slice(table, starts, index):
            most[rows] = np.maximum(most[rows], largest_around(inner, x[rows, 1:]))
    return most


def octaves_outside(table: Table, x: Table) -> Table:
    """(k,): how many doublings `x` (k, d) lies outside the points, summed over the coordinates; 0 inside."""
    if x.shape[1] == 0:
        return np.zeros(len(x))
    along, starts = _slices(table, x.shape[1])
    here = np.abs(np.log2(x[:, 0] / np.clip(x[:, 0], along[0], along[-1])))
    if x.shape[1] == 1:
        return np.asarray(here)
    further = np.zeros(len(x))
    for index in _bracket(along, x[:, 0]):
        for rows, inner in _per_slice(table, starts, index):
            further[rows] = np.maximum(further[rows], octaves_outside(inner, x[rows, 1:]))
    return np.asarray(here + further)


def rows_at(table: Table, x: Table) -> Indices:
    """(k,): the row of the table whose coordinates are exactly `x` (k, d), or -1."""
    if x.shape[1] == 0:
        return np.zeros(len(x), dtype=np.intp)
    along, starts = _slices(table, x.shape[1])
    at = np.minimum(np.searchsorted(along, x[:, 0]), along.size - 1)
    found = np.where(along[at] == x[:, 0], starts[at], -1)
    if x.shape[1] > 1:
        for rows, inner in _per_slice(table, starts, at):
            within = rows_at(inner, x[rows, 1:])
            found[rows] = np.where((found[rows] >= 0) & (within >= 0), found[rows] + within, -1)
    return np.asarray(found)


def _slices(table: Table, coordinates: int) -> tuple[Table, Indices]:
    """The values of the outermost of so many coordinates, and the row where each begins, followed by the end."""
    if coordinates == 1:
        return table[:, 0], np.arange(len(table) + 1)
    changes = np.flatnonzero(np.diff(table[:, 0])) + 1
    starts = np.concatenate([[0], changes, [len(table)]])
    return table[starts[:-1], 0], starts


def _per_slice(table: Table, starts: Indices, index: Indices) -> Iterator[tuple[Any, Table]]:
    """For each slice that `index` (k,) names: which questions those are, and the slice without its coordinate."""
    if len(index) == 1:
        yield slice(None), table[starts[index[0]] : starts[index[0] + 1], 1:]
        return
    for i in np.unique(index):
        yield np.flatnonzero(index == i), table[starts[i] : starts[i + 1], 1:]


def _bracket(along: Table, x: Table) -> tuple[Indices, Indices]:
    """Indices of the neighbours of each x below and above: the same where x is one of them, or beyond the ends."""
    right = np.minimum(np.searchsorted(along, x, side="left"), along.size - 1)
    alone = (along[right] <= x) | (right == 0)
    return np.where(alone, right, right - 1), right


def _curve(xs: Table, ys: Table, slopes: Table, x: Table, form: Form) -> Table:
    if xs.size == 1:
        return np.full(x.size, ys[0])
    right = np.clip(np.searchsorted(xs, x, side="right"), 1, xs.size - 1)
    left = right - 1
    if form in ("affine", "harmonic"):
        u, us = (x, xs) if form == "affine" else (1 / x, 1 / xs)
        values = ys[left] + (u - us[left]) / (us[right] - us[left]) * (ys[right] - ys[left])
    else:
        width = np.log(xs[right] / xs[left])
        t = np.log(x / xs[left]) / width
        a, b = np.log(ys[left]), np.log(ys[right])
        course = a + t * (b - a) if form == "loglog" else _hermite(t, a, b, width * slopes[left], width * slopes[right])
        # Far outside, the cubic may overflow; its place is taken by the last octave's course.
        values = np.exp(np.where((t >= 0) & (t <= 1), course, a))
    for beyond, last in ((x < xs[0], 0), (x > xs[-1], -1)):
        if beyond.any():
            values[beyond] = _beyond(xs, ys, last, x[beyond], form)
    return np.asarray(values)


def _hermite(t: Table, a: Table, b: Table, slope_a: Table, slope_b: Table) -> Table:
    s = 1 - t
    return np.asarray(a * s * s * (1 + 2 * t) + b * t * t * (3 - 2 * t) + slope_a * t * s * s - slope_b * t * t * s)


def _beyond(xs: Table, ys: Table, end: int, x: Table, form: Form) -> Table:
    """Continue the mean course of the last octave: the last two knots alone would amplify their noise."""
    if end == -1:
        inner = max(int(np.searchsorted(xs, xs[-1] / _OCTAVE, side="right")) - 1, 0)
    else:
        inner = min(int(np.searchsorted(xs, xs[0] * _OCTAVE, side="left")), xs.size - 1)
    if form in ("affine", "harmonic"):
        u, us = (x, xs) if form == "affine" else (1 / x, 1 / xs)
        values = ys[end] + (u - us[end]) * (ys[end] - ys[inner]) / (us[end] - us[inner])
        return np.asarray(np.where(values > 0, values, ys[end]))
    power = np.log(ys[end] / ys[inner]) / np.log(xs[end] / xs[inner])
    continued: Table = ys[end] * (x / xs[end]) ** power
    return continued
