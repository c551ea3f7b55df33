"""What requests and sectors of a gather in place cost, from the rates of all its methods together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gridstone.model.wire import Asked, wire

NAMES = ("header", "request", "half", "skewed")
# An H100's behind PCIe 5: where too few rows say what theirs are, and where the search begins.
_TYPICAL = (17.0, 64.0, 27.0, 1.7)
_FEWEST = 24
_MOST = (128.0, 512.0, 512.0, 8.0)


def costs(rows: Sequence[Asked], seconds: NDArray[np.float64]) -> dict[str, float]:
    """The costs of `gridstone.model.wire.wire` for which seconds per row over it are closest to one bandwidth.

    By the mean absolute error of the logarithm, so that a cell that another guest of the host disturbed does not
    rule. Fewer than 24 rows, or rows that are all alike, say nothing: then those of an H100 stand in.
    """
    from scipy.optimize import minimize

    start = dict(zip(NAMES, _TYPICAL, strict=True))
    kinds = {(round(row.sectors / row.requests, 2), round(row.skewed, 2)) for row in rows}
    if len(rows) < _FEWEST or len(kinds) < len(NAMES):
        return start
    measured = np.log(seconds)

    def off(tried: NDArray[np.float64]) -> float:
        named = dict(zip(NAMES, np.clip(tried * _TYPICAL, 0, _MOST), strict=True))
        residual = measured - np.log([wire(row, named) for row in rows])
        return float(np.abs(residual - np.median(residual)).mean())

    options = {"maxiter": 600, "xatol": 1e-3, "fatol": 1e-6}
    found = minimize(off, np.ones(len(NAMES)), method="Nelder-Mead", options=options)
    return {n: round(float(v), 2) for n, v in zip(NAMES, np.clip(found.x * _TYPICAL, 0, _MOST), strict=True)}
