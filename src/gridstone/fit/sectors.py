"""What sectors and bursts cost on a machine, from packing that keeps all that moves and from one side of it alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import usable
from gridstone.model.sectors import BURST, SECTOR, Memory, Tier

if TYPE_CHECKING:
    import pandas as pd

CONTIGUOUS, SIDE = "datatype/contiguous", "datatype/side"
PROBES = (CONTIGUOUS, SIDE)
_PART = 16  # bytes of a block that is part of a sector


def memory(frame: pd.DataFrame) -> Memory | None:
    """From the rows of `datatype/contiguous` and `datatype/side`, the median over runs; None where they say too little.

    Too little are fewer than three contiguous sizes, or of a tier no stride at which all three costs were measured.
    """
    whole = usable(frame, CONTIGUOUS, "time")
    sizes = whole.groupby("bytes")["value"].median().sort_index() if len(whole) else whole
    tiers = {name: _tier(frame, name) for name in ("l2", "dram")}
    if len(sizes) < 3 or tiers["l2"] is None or tiers["dram"] is None:
        return None
    return Memory(
        sizes=tuple(float(size) for size in sizes.index),
        seconds=tuple(float(seconds) for seconds in sizes),
        l2=tiers["l2"],
        dram=tiers["dram"],
    )


def _tier(frame: pd.DataFrame, name: str) -> Tier | None:
    rows = usable(frame, SIDE, "rate", tier=name)
    if rows.empty:
        return None
    table = (1 / rows["value"].astype(float)).groupby([rows["pattern"], rows["block"], rows["stride"]]).median()
    found = {(str(key[0]), int(key[1]), int(key[2])): float(seconds) for key, seconds in table.items()}
    costs = [("read", _PART), ("write", SECTOR), ("write", _PART)]
    apart = sorted({stride for *_, stride in found if all((*cost, stride) in found for cost in costs)})
    streams = [found.get((pattern, BURST, BURST)) for pattern in ("read", "write")]
    if not apart or streams[0] is None or streams[1] is None:
        return None
    read, full, part = (tuple(found[*cost, stride] for stride in apart) for cost in costs)
    return Tier(
        apart=tuple(float(stride) for stride in apart),
        read=read,
        whole=full,
        part=part,
        load=streams[0],
        store=streams[1],
    )
