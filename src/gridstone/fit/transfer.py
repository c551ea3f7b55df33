"""transfer_time from the contiguous copies, to peers too; pieces, far, few and blocks add gathers and blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit import blocks, far, few, pieces
from gridstone.fit.cells import Sought, cells, usable, words

if TYPE_CHECKING:
    import pandas as pd

NAME = "transfer_time"
FORM = (
    "latency plus bytes over bandwidth between breakpoints; a curve over log bytes where that predicts better; pieces: "
    "so many times one of them, which for gathers in place is a line over what a row costs the link in bytes, times a "
    "factor for tables beyond the reach of translation and one for few bytes under way; blocks that stream: all bytes"
)
PROBES = (
    "copy/host_device",
    "copy/mapped",
    "copy/device",
    "peer/copy",
    *pieces.PROBES,
    *far.PROBES,
    *few.PROBES,
    *blocks.PROBES,
)

_CANDIDATES = ("affine", "segments", "cubic", "loglog")


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per direction and kind of host memory, one within the device, and one per way to move pieces."""
    found = []
    for direction, (src, dst, duplex) in blocks.WAYS.items():
        rows = usable(frame, "copy/host_device", "bandwidth", direction=direction)
        for method in words(rows, "method"):
            # A copy both ways counts the bytes of both; within the device each is read and written.
            law = _copy(rows[rows["method"] == method], src, dst, method, duplex, 2 if duplex else 1)
            found.append(law)
        in_place = usable(frame, "copy/mapped", "bandwidth", direction=direction)
        if len(in_place):
            found.append(_copy(in_place, src, dst, "mapped", duplex, 1))
    within = usable(frame, "copy/device", "bandwidth")
    if len(within):
        found.append(_copy(within, "device", "device", "device", False, 2))
    pieced = [*pieces.sought(frame), *far.sought(frame), *few.sought(frame), *blocks.sought(frame)]
    return [*found, *_peers(frame), *pieced]


def _peers(frame: pd.DataFrame) -> list[Sought]:
    """One law per ordered pair of GPUs and way to copy; both ways at once are one measurement of the pair."""
    rows = usable(frame, "peer/copy", "bandwidth")
    found = []
    for (src, dst, method, direction), own in rows.groupby(["src", "dst", "method", "direction"]) if len(rows) else ():
        duplex = direction == "both"
        found.append(_copy(own, f"gpu{int(src)}", f"gpu{int(dst)}", str(method), duplex, 2 if duplex else 1))
    return found


def _copy(rows: pd.DataFrame, src: str, dst: str, method: str, duplex: bool, counted: int) -> Sought:
    moved = counted * rows["bytes"].to_numpy(float)
    return Sought(
        keys={"src": src, "dst": dst, "method": method, "duplex": duplex},
        axes=("bytes",),
        unit="s",
        cells=cells(rows, factor=moved, inverse=True, bytes=rows["bytes"]),
        candidates=_CANDIDATES,
        # Copies both ways do fall, between the sizes at which either way changes its protocol.
        rises=not duplex,
    )
