"""transfer_time from the contiguous copies, to peers too; pieces, far, few and blocks add gathers and blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit import blocks, far, few, peers, pieces
from gridstone.fit.cells import Sought, usable, words
from gridstone.fit.contiguous import contiguous

if TYPE_CHECKING:
    import pandas as pd

NAME = "transfer_time"
FORM = (
    "latency plus bytes over bandwidth between breakpoints; a curve over log bytes where that predicts better; GPUs "
    "without a ladder of sizes: their own latency and bandwidth, in the shape of ladders of GPUs joined alike; pieces: "
    "so many times one of them, which for gathers in place is a line over what a row costs the link in bytes, times a "
    "factor for tables beyond the reach of translation and one for few bytes under way; blocks that stream: all bytes"
)
PROBES = (
    "copy/host_device",
    "copy/mapped",
    "copy/device",
    *peers.PROBES,
    *pieces.PROBES,
    *far.PROBES,
    *few.PROBES,
    *blocks.PROBES,
)


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per direction and kind of host memory, one within the device, and one per way to move pieces."""
    found = []
    for direction, (src, dst, duplex) in blocks.WAYS.items():
        rows = usable(frame, "copy/host_device", "bandwidth", direction=direction)
        for method in words(rows, "method"):
            # A copy both ways counts the bytes of both; within the device each is read and written.
            law = contiguous(rows[rows["method"] == method], src, dst, method, duplex, 2 if duplex else 1)
            found.append(law)
        in_place = usable(frame, "copy/mapped", "bandwidth", direction=direction)
        if len(in_place):
            found.append(contiguous(in_place, src, dst, "mapped", duplex, 1))
    within = usable(frame, "copy/device", "bandwidth")
    if len(within):
        found.append(contiguous(within, "device", "device", "device", False, 2))
    pieced = [*pieces.sought(frame), *far.sought(frame), *few.sought(frame), *blocks.sought(frame)]
    return [*found, *peers.sought(frame), *pieced]
