"""How hard a curve is to follow from its points: small on a plateau, large at a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridstone.fit.isotone import curves

if TYPE_CHECKING:
    from gridstone.model.interpolate import Form, Table

_LEAST = 1e-4


def difficulty(table: Table, form: Form) -> Table:
    """(n,) from points (n, d + 3) with value, lo and hi: how far each lies off its neighbours' chord along the
    last coordinate, in log space, plus what is usual for the law; points at the rim take their neighbour's.

    Usual is the median, at least that of their own intervals: where noise alone moves the points, all are as hard.

    Conformal residuals are divided by it (Lei et al., 2018), so an interval is as wide as its place needs.
    """
    points = table[:, :-2]
    own = float(np.median(np.log(table[:, -1] / table[:, -2]))) / 2
    off = np.zeros(len(points))
    for rows in curves(points) if points.shape[1] > 1 else ():
        if rows.stop - rows.start > 2:
            off[rows] = _off_chord(points[rows, -2], points[rows, -1], form)
    return max(own, _LEAST, float(np.median(off))) + off


def _off_chord(x: Table, y: Table, form: Form) -> Table:
    linear = form in ("affine", "harmonic")
    u, v = ((1 / x if form == "harmonic" else x), y) if linear else (np.log(x), np.log(y))
    share = (u[1:-1] - u[:-2]) / (u[2:] - u[:-2])
    chord = v[:-2] + share * (v[2:] - v[:-2])
    inner = np.abs(np.log(y[1:-1] / chord)) if linear else np.abs(v[1:-1] - chord)
    return np.concatenate([inner[:1], inner, inner[-1:]])
