"""What random rows of large tables cost, from plain gathers out of tables of several sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gridstone.fit.cells import Sought, cells, usable
from gridstone.model.far import slower
from gridstone.model.pieces import FAR

if TYPE_CHECKING:
    import pandas as pd

PROBES = ("gather/distribution",)
_NEAR = 256 << 20  # the table of gather/zero_copy, whose rows are what this is a factor on


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law: how many times as long rows take, over how many times they should by reach and misses."""
    rows = usable(frame, "gather/distribution", "bandwidth", distribution="uniform", method="plain")
    if rows.empty:
        return []
    near = rows[rows["footprint"] == _NEAR].groupby("row_bytes")["value"].median()
    rows = rows[rows["row_bytes"].isin(near.index) & (rows["footprint"] >= _NEAR)]
    if rows["footprint"].nunique() < 3:
        return []
    fastest = near.loc[rows["row_bytes"]].to_numpy(float)
    seconds, size = rows["row_bytes"].to_numpy(float) / fastest, rows["footprint"].to_numpy(float)
    table = cells(rows, factor=fastest, inverse=True)
    costs = _costs(seconds, size, table["value"].to_numpy(float))
    # To a thousandth: what lies within reach is one point, and not as many as there are cells.
    expected = np.round(slower(seconds, size, costs), 3)
    return [
        Sought(
            keys={"src": "host", "dst": "device", "method": FAR, "duplex": False},
            axes=("slower",),
            unit="1",
            cells=table.assign(slower=expected),
            candidates=("affine", "segments"),
            rises=True,
            free={"working_set": (None, float(size.max()))},
            parameters=costs,
        )
    ]


def _costs(seconds: NDArray[np.float64], size: NDArray[np.float64], times: NDArray[np.float64]) -> dict[str, float]:
    """reach and miss, by the mean absolute error of the logarithm; the search begins at the middle of what may be."""
    from scipy.optimize import minimize

    start = {"reach": float(np.median(size)) / 2, "miss": float((seconds * times)[size == size.max()].min())}

    def off(tried: NDArray[np.float64]) -> float:
        named = dict(zip(start, np.exp(tried) * list(start.values()), strict=True))
        return float(np.abs(np.log(times / slower(seconds, size, named))).mean())

    found = minimize(off, np.zeros(2), method="Nelder-Mead", options={"xatol": 1e-4, "fatol": 1e-7})
    return dict(zip(start, (np.exp(found.x) * list(start.values())).tolist(), strict=True))
