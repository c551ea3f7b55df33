"""What a row that is read in place costs the link, counted in bytes.

Two things bound a gather. Bytes: the sectors of 32 bytes that cross, and a header for each request. Requests: the link
takes only so many a second, however few bytes they move, and one whose data comes back in two halves of 64 bytes takes
it longer than one of a single half; short and misaligned rows end there. The larger of the two rules.

Two things differ from what the addresses alone say, as the H100's counters and rates of misaligned rows show. A warp
that walks along one row finds a sector that it has asked for before in L1. A bulk copy is cut into lines of its target,
not of its source, so that each asks for parts of two lines of a misaligned source; and what a part holds of a broken
sector, as where the source is 16 bytes off one, it asks for apart from the whole ones: three or four requests a line.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gridstone.model.lines import LINE, SECTOR, spanned, stretches

HALF = LINE // 2
HEADER = 20.0
"""Bytes that PCIe 3 to 5 moves around the sectors of a request (PCI Express Base Specification): 12 of a completion's
header, which counters of the GPU see, 4 of framing before it, 4 of a checksum behind. What gathers take says 20 too."""
WHOLE_LINES = "bulk_lines"
_ROWS, _OUT_OF = 1024, 4096
_LONG, _REPEATS = 32768, 4096  # bytes: rows beyond the first are counted by the second
_SHARP = 12  # how closely the larger of both bounds rules: near the corner a gather is some per cent slower than either


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Per row, on average: requests, sectors that move, and halves of lines they lie in."""

    requests: float
    sectors: float
    halves: float

    def continued(self, further: Asked, times: int) -> Asked:
        """What a row asks that is `times` as much longer than this one as `further` is."""
        requests, sectors, halves = (
            ours + times * (theirs - ours)
            for ours, theirs in (
                (self.requests, further.requests),
                (self.sectors, further.sectors),
                (self.halves, further.halves),
            )
        )
        return Asked(requests=requests, sectors=sectors, halves=halves)


@functools.lru_cache(maxsize=4096)
def typical(method: str, row_bytes: int, align: int, vector: int | None = None) -> Asked:
    """`asked` of rows in random order; by default loaded 16 bytes at a time where that was measured, else 4.

    Raises ValueError for an unknown method, or rows that the method cannot load.
    """
    whole = row_bytes % 16 == 0 and align % 16 == 0
    if row_bytes % 4 or align % 4 or (method == "bulk" and not whole):
        granule = 16 if method == "bulk" else 4
        raise ValueError(f"{method} loads rows of whole {granule} bytes that begin at a multiple of {granule}")
    if vector is None:
        vector = chosen_vector(method, row_bytes, align)
    order = np.random.default_rng(0).permutation(_OUT_OF)[:_ROWS]
    more = max(0, row_bytes - _LONG) // _REPEATS
    first = asked(method, row_bytes=row_bytes - more * _REPEATS, vector=vector, order=order, align=align)
    if not more:
        return first
    # Lines and instructions fall on a longer row as they do on one that is shorter by many of both.
    next_ = asked(method, row_bytes=row_bytes - (more - 1) * _REPEATS, vector=vector, order=order, align=align)
    return first.continued(next_, more)


def chosen_vector(method: str, row_bytes: int, align: int) -> int:
    """Bytes that a lane loads at once: 16 where rows allow it and it was measured, else 4."""
    wide = method in ("plain", "masked") and row_bytes % 16 == 0 and align == 0
    return 16 if wide or method == "bulk" else 4


def asked(method: str, *, row_bytes: int, vector: int, order: ArrayLike, align: int = 0) -> Asked:
    """What rows ask of the link, on average over `order`; arguments as in `gridstone.model.lines.touched`.

    Beside its methods there is `bulk_lines`: bulk copies of all lines that a row touches.
    """
    start = np.asarray(order, dtype=np.int64) * row_bytes + align
    if method == WHOLE_LINES:
        begins, ends = (start - start % LINE)[:, None], (-(-(start + row_bytes) // LINE) * LINE)[:, None]
    elif method == "bulk":
        # Lines of the target: as a warp that loads 4 bytes a lane goes along the row.
        begins, ends = _broken_apart(
            *stretches("warp_per_row", row_bytes=row_bytes, vector=4, order=order, align=align)
        )
    else:
        begins, ends = stretches(method, row_bytes=row_bytes, vector=vector, order=order, align=align)
    alone = _alone(begins, ends)
    if method == "warp_per_row":
        begins = alone
    requests, halves = (_counted(begins, ends, granule) for granule in (LINE, HALF))
    sectors = _counted(alone if method == "plain" else begins, ends, SECTOR)
    return Asked(
        requests=float(requests.mean()),
        sectors=float(sectors.mean()),
        halves=float(halves.mean()),
    )


def wire(row: Asked, costs: Mapping[str, float]) -> float:
    """Bytes that a row costs.

    costs: `header`, bytes that a request takes beside its sectors; `request` and `half`, bytes that the link could
    have moved in the time that a request, and each half of a line in it, hold it up at the least.
    """
    moved = SECTOR * row.sectors + costs["header"] * row.requests
    held = costs["request"] * row.requests + costs["half"] * row.halves
    larger = max(moved, held)
    return round(float(larger * ((moved / larger) ** _SHARP + (held / larger) ** _SHARP) ** (1 / _SHARP)), 3)


def _broken_apart(begins: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stretches as three each: up to the first whole sector, the whole ones, and what is left."""
    first = np.minimum(-(-begins // SECTOR) * SECTOR, ends)
    last = np.maximum(ends // SECTOR * SECTOR, first)
    return np.hstack([begins, first, last]), np.hstack([first, last, ends])


def _counted(begins: NDArray[np.int64], ends: NDArray[np.int64], granule: int) -> NDArray[np.int64]:
    """Per row, the aligned pieces of `granule` bytes that its stretches touch."""
    return np.asarray(np.where(ends > begins, spanned(begins, ends, granule), 0).sum(axis=1))


def _alone(begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where stretches begin without the sector in which the one before them along the row ended."""
    later = begins.copy()
    within = (begins[:, 1:] % SECTOR != 0) & (ends[:, 1:] > begins[:, 1:])
    next_sector = -(-begins[:, 1:] // SECTOR) * SECTOR
    later[:, 1:] = np.where(within, np.minimum(next_sector, ends[:, 1:]), begins[:, 1:])
    return later
