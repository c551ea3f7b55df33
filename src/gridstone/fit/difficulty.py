"""How hard a curve is to follow from its points: small on a plateau, large at a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridstone.model.interpolate import Form, Table

_LEAST = 1e-4


def difficulty(points: Table, form: Form, floor: float) -> Table:
    """(n,) from points (n, d + 1): how far each point lies off its neighbours' chord along the last
    coordinate, in log space, plus what is usual for the law; points at the rim take their neighbour's.

    Usual is the median, at least `floor`, the noise: where noise alone moves the points, all are as hard.

    Conformal residuals are divided by it (Lei et al., 2018), so an interval is as wide as its place needs.
    """
    off = np.zeros(len(points))
    curves = np.unique(points[:, :-2], axis=0) if points.shape[1] > 2 else np.zeros((1, 0))
    for outer in curves:
        rows = np.flatnonzero((points[:, :-2] == outer).all(axis=1))
        if points.shape[1] > 1 and rows.size > 2:
            off[rows] = _off_chord(points[rows, -2], points[rows, -1], form)
    return max(floor, _LEAST, float(np.median(off))) + off


def _off_chord(x: Table, y: Table, form: Form) -> Table:
    u, v = (x, y) if form == "affine" else (np.log(x), np.log(y))
    share = (u[1:-1] - u[:-2]) / (u[2:] - u[:-2])
    chord = v[:-2] + share * (v[2:] - v[:-2])
    inner = np.abs(np.log(y[1:-1] / chord)) if form == "affine" else np.abs(v[1:-1] - chord)
    return np.concatenate([inner[:1], inner, inner[-1:]])
