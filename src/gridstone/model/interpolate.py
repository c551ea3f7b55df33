"""Interpolation over a scattered grid: curves along the last coordinate, joined across the others.

A table of knots has one row per knot: its coordinates, outermost first, then its value and its slope
d log(value) / d log(last coordinate). Cells that a run lacks leave gaps in the grid; `covers` says where.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Form = Literal["loglog", "cubic", "affine"]
Table = NDArray[np.float64]
Coordinates = Sequence[float] | NDArray[np.float64]
_OCTAVE = 2.0
# Across a wider step between measured cells nothing is known of the course in between.
WIDEST_STEP = 8.0


def evaluate(knots: Table, x: Coordinates, form: Form) -> float:
    """The value at `x`; beyond the knots, the course of the last octave is continued.

    knots: (n, d + 2), sorted by coordinates. x: d coordinates. form: `loglog` is piecewise linear in the
    logarithms (a power law between knots), `cubic` a cubic Hermite curve in the logarithms through the given
    slopes, `affine` piecewise linear in the quantities themselves (a latency plus bytes over a bandwidth
    between knots). Outer coordinates are joined linearly in the logarithms.
    """
    if len(x) == 0:
        return float(knots[0, 0])
    if len(x) == 1:
        return _curve(knots[:, 0], knots[:, 1], knots[:, 2], x[0], form)
    outer = np.unique(knots[:, 0])
    used = _neighbours(outer, x[0])
    values = np.array([evaluate(knots[knots[:, 0] == u, 1:], x[1:], form) for u in used])
    return _curve(used, values, np.zeros_like(values), x[0], "loglog")


def covers(knots: Table, x: Coordinates, widest: float = WIDEST_STEP) -> bool:
    """Whether `x` lies between knots in every coordinate, none further apart than `widest` times."""
    if len(x) == 0:
        return True
    along = np.unique(knots[:, 0])
    if not along[0] <= x[0] <= along[-1]:
        return False
    beside = _bracket(along, x[0])
    if beside[-1] > widest * beside[0]:
        return False
    return len(x) == 1 or all(covers(knots[knots[:, 0] == u, 1:], x[1:], widest) for u in beside)


def around(knots: Table, x: Coordinates) -> Table:
    """The rows of the table that bracket `x` in every coordinate; beyond its rim, those nearest to it."""
    if len(x) == 0:
        return knots
    along = np.unique(knots[:, 0])
    nearest = min(max(float(x[0]), float(along[0])), float(along[-1]))
    inner = [around(knots[knots[:, 0] == u, 1:], x[1:]) for u in _bracket(along, nearest)]
    return np.vstack(inner)


def octaves_outside(knots: Table, x: Coordinates) -> float:
    """How many doublings `x` lies from the nearest covered point, summed over the coordinates; 0 inside."""
    if len(x) == 0:
        return 0.0
    along = np.unique(knots[:, 0])
    nearest = min(max(x[0], along[0]), along[-1])
    here = abs(math.log2(x[0] / nearest))
    if len(x) == 1:
        return here
    return here + max(octaves_outside(knots[knots[:, 0] == u, 1:], x[1:]) for u in _bracket(along, nearest))


def _curve(xs: Table, ys: Table, slopes: Table, x: float, form: Form) -> float:
    if xs.size == 1:
        return float(ys[0])
    if not xs[0] <= x <= xs[-1]:
        return _beyond(xs, ys, x, form)
    right = min(int(np.searchsorted(xs, x, side="right")), xs.size - 1)
    left = right - 1
    if form == "affine":
        share = (x - xs[left]) / (xs[right] - xs[left])
        return float(ys[left] + share * (ys[right] - ys[left]))
    width = math.log(xs[right] / xs[left])
    t = math.log(x / xs[left]) / width
    a, b = math.log(ys[left]), math.log(ys[right])
    if form == "loglog":
        return math.exp(a + t * (b - a))
    return math.exp(_hermite(t, a, b, width * slopes[left], width * slopes[right]))


def _hermite(t: float, a: float, b: float, slope_a: float, slope_b: float) -> float:
    s = 1 - t
    return a * s * s * (1 + 2 * t) + b * t * t * (3 - 2 * t) + slope_a * t * s * s - slope_b * t * t * s


def _beyond(xs: Table, ys: Table, x: float, form: Form) -> float:
    """Continue the mean course of the last octave: the last two knots alone would amplify their noise."""
    if x > xs[-1]:
        end, inner = -1, int(np.searchsorted(xs, xs[-1] / _OCTAVE, side="right")) - 1
    else:
        end, inner = 0, int(np.searchsorted(xs, xs[0] * _OCTAVE, side="left"))
    inner = min(max(inner, 0), xs.size - 1)
    if form == "affine":
        value = ys[end] + (x - xs[end]) * (ys[end] - ys[inner]) / (xs[end] - xs[inner])
        return float(value) if value > 0 else float(ys[end])
    power = math.log(ys[end] / ys[inner]) / math.log(xs[end] / xs[inner])
    return float(ys[end] * (x / xs[end]) ** power)


def _neighbours(along: Table, x: float) -> Table:
    """The slices that an answer at `x` rests on: those around it, or the outermost two beyond the grid."""
    if along.size < 2 or along[0] <= x <= along[-1]:
        return _bracket(along, x)
    return along[:2] if x < along[0] else along[-2:]


def _bracket(along: Table, x: float) -> Table:
    right = min(int(np.searchsorted(along, x, side="left")), along.size - 1)
    if along[right] == x or right == 0:
        return along[right : right + 1]
    return along[right - 1 : right + 1]
