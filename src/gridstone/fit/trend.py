"""The terms of a trend, weighed by least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridstone.model.trend import Trend

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gridstone.model.interpolate import Table

_SHARPNESS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0)
_TRUSTED = 0.9  # the worst tenth of the errors does not choose


def weighed(points: Table, exponents: Sequence[Sequence[float]]) -> Trend:
    """The trend through points (n, d + 1) whose terms have these exponents; terms that earn no weight are left out.

    For a given sharpness s the value to the power s is a sum of terms with weights of at least 0: least squares of its
    relative error (Lawson and Hanson, Solving Least Squares Problems, 1974). Of a few values of s, the one with the
    least mean error in the logarithms is taken.
    """
    from scipy.optimize import nnls

    at, y = points[:, :-1], points[:, -1]
    powers = np.asarray(exponents, dtype=float)
    logs = np.log(at) @ powers.T
    relative = logs - np.log(y)[:, None]
    scale = relative.max(axis=0)
    best: tuple[float, Trend] | None = None
    for sharpness in _SHARPNESS:
        basis = np.exp(sharpness * (relative - scale))
        weights = nnls(basis, np.ones(y.size), maxiter=100 * powers.shape[0])[0]
        some = weights > 0
        if not some.any():
            continue
        trend = Trend(
            exponents=powers[some],
            coefficients=np.exp(np.log(weights[some]) / sharpness - scale[some]),
            sharpness=sharpness,
        )
        errors = np.sort(np.abs(np.log(trend.at(at) / y)))
        error = float(errors[: max(1, int(_TRUSTED * errors.size))].mean())
        if best is None or error < best[0]:
            best = error, trend
    if best is None:
        raise ValueError("no term has a weight: the points are not finite")
    return best[1]
