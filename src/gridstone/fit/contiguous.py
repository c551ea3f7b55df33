"""Copies of contiguous bytes as cells of a law: seconds over bytes, from what a run tells as bandwidth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells

if TYPE_CHECKING:
    import pandas as pd

_CANDIDATES = ("affine", "segments", "cubic", "loglog")


def contiguous(rows: pd.DataFrame, src: str, dst: str, method: str, duplex: bool, counted: int) -> Sought:
    """The law of one way to copy. counted: how often the bandwidth of `rows` counts each of their `bytes`."""
    return Sought(
        keys={"src": src, "dst": dst, "method": method, "duplex": duplex},
        axes=("bytes",),
        unit="s",
        cells=cells(rows, factor=counted * rows["bytes"].to_numpy(float), inverse=True, bytes=rows["bytes"]),
        candidates=_CANDIDATES,
        # Copies both ways do fall, between the sizes at which either way changes its protocol.
        rises=not duplex,
    )
