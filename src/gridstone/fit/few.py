"""What few loads under way cost a gather in place (Little's law), from rows read by few SMs, warps and loads each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridstone.fit.cells import Sought, cells, usable
from gridstone.model.pieces import FEW

if TYPE_CHECKING:
    import pandas as pd

PROBES = ("gather/in_flight",)
_ROW, _LANES = 4096, 32


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law: how many times as long rows take, over the bytes that all SMs have asked for at a time.

    Plain loads and bulk copies lie on one curve: it does not matter who asks.
    """
    rows = usable(frame, "gather/in_flight", "bandwidth")
    if rows.empty:
        return []
    each = np.where(rows["method"] == "bulk", _ROW, _LANES * rows["vector"].to_numpy(float))
    in_flight = each * rows["sms"].to_numpy(float) * rows["warps"].to_numpy(float) * rows["unroll"].to_numpy(float)
    if np.unique(in_flight).size < 3:
        return []
    fastest = float(rows["value"][in_flight >= np.median(in_flight)].median())
    return [
        Sought(
            keys={"src": "host", "dst": "device", "method": FEW, "duplex": False},
            axes=("in_flight",),
            unit="1",
            cells=cells(rows, factor=fastest, inverse=True, in_flight=in_flight),
            candidates=("loglog", "cubic", "harmonic"),
        )
    ]
