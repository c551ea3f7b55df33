"""What requests and sectors of a gather in place cost, from the rates of all its methods together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gridstone.model.wire import HEADER, Asked, typical, wire

if TYPE_CHECKING:
    import pandas as pd

NAMES = ("request", "half")
# An H100's behind PCIe 5: where too few rows say what theirs are, and where the search begins.
_TYPICAL = (79.0, 10.0)
_FEWEST, _FEWEST_KINDS = 24, 4
_MOST = (512.0, 512.0)
_WORD = 4
_RESTARTS = 8  # the simplex shrinks along an edge of the absolute error before it is at its end


def countable(rows: pd.DataFrame) -> pd.DataFrame:
    """The gathers in place whose requests can be counted: of whole words.

    Rows of elements of one or two bytes are loaded so because they lie askew: a kind of rows of its own.
    """
    return rows[(rows["vector"] >= _WORD) & (rows["row_bytes"] % _WORD == 0) & (rows["align"] % _WORD == 0)]


def asked_by(rows: pd.DataFrame) -> list[Asked]:
    """What the rows of each of these cells ask of the link."""
    numbers = (rows[name].astype(int) for name in ("row_bytes", "align", "vector"))
    return [typical(*one) for one in zip(rows["method"], *numbers, strict=True)]


def costs(rows: Sequence[Asked], seconds: NDArray[np.float64]) -> dict[str, float]:
    """The costs of `gridstone.model.wire.wire` for which seconds per row over it are closest to one bandwidth.

    By the mean absolute error of the logarithm, so that a cell that another guest of the host disturbed does not
    rule. Fewer than 24 rows, or of fewer than four kinds, say nothing: then those of an H100 stand in.
    """
    from scipy.optimize import minimize

    def named(tried: NDArray[np.float64]) -> dict[str, float]:
        return {"header": HEADER, **dict(zip(NAMES, np.clip(tried * _TYPICAL, 0, _MOST).tolist(), strict=True))}

    kinds = {(round(row.sectors / row.requests, 2), round(row.halves / row.requests, 2)) for row in rows}
    start = np.ones(len(NAMES))
    if len(rows) < _FEWEST or len(kinds) < _FEWEST_KINDS:
        return named(start)
    measured = np.log(seconds)

    def off(tried: NDArray[np.float64]) -> float:
        prices = named(tried)
        residual = measured - np.log([wire(row, prices) for row in rows])
        return float(np.abs(residual - np.median(residual)).mean())

    options = {"maxiter": 600, "xatol": 1e-4, "fatol": 1e-7}
    place, least = start, math.inf
    for _ in range(_RESTARTS):
        found = minimize(off, place, method="Nelder-Mead", options=options)
        place = found.x
        if found.fun > 0.999 * least:
            break
        least = found.fun
    return {name: round(value, 2) for name, value in named(place).items()}
