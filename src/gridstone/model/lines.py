"""What a gather asks of the memory that it reads: requests of lines of 128 bytes, and sectors of 32 bytes.

A load instruction of a warp becomes one request for each line that its lanes touch, and moves the sectors of it that
they touch. PCIe carries a request's sectors in one packet with 20 bytes around them (`gridstone.model.wire`): so both
numbers count. Nothing is assumed to stay in a cache between two instructions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

LINE, SECTOR, LANES = 128, 32, 32
METHODS = ("plain", "circular", "masked", "warp_per_row", "bulk")


@dataclass(frozen=True, kw_only=True)
class Touched:
    """Per row of a gather, on average: requests, sectors that they move, and lines that the rows cover."""

    requests: float
    sectors: float
    lines: float

    @property
    def wire_bytes(self) -> float:
        """Bytes of the sectors."""
        return SECTOR * self.sectors


def stretches(
    method: str, *, row_bytes: int, vector: int, order: ArrayLike, align: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows, instructions): where the addresses that an instruction loads of a row begin, and where they end.

    Arguments and errors as in `touched`.
    """
    start = np.asarray(order, dtype=np.int64) * row_bytes + align
    width = LANES * vector
    if method == "bulk":
        begins, ends = start[:, None], start[:, None] + row_bytes
    elif method == "masked":
        # From the line's start on, as many lanes at a time as a warp has.
        edges = (start - start % LINE)[:, None] + width * np.arange((row_bytes + LINE - 1) // width + 2)
        begins, ends = _clipped(edges, start, start + row_bytes)
    elif method == "warp_per_row":
        edges = start[:, None] + width * np.arange(row_bytes // width + 2)
        begins, ends = _clipped(edges, start, start + row_bytes)
    elif method in ("plain", "circular"):
        begins, ends = _flat(start, row_bytes, width, circular=method == "circular")
    else:
        raise ValueError(f"no gather method {method!r} (there are: {', '.join(METHODS)})")
    return begins, ends


def touched(method: str, *, row_bytes: int, vector: int, order: ArrayLike, align: int = 0) -> Touched:
    """What rows ask for, on average over `order`, the numbers of the rows in the order in which they are gathered.

    method: one of METHODS. row_bytes: bytes of a row, a multiple of `vector`. vector: bytes that one lane loads at
    once. align: bytes from a line's start to the table's; rows lie one behind the other. Raises ValueError for an
    unknown method.
    """
    rows = np.asarray(order, dtype=np.int64)
    start = rows * row_bytes + align
    begins, ends = stretches(method, row_bytes=row_bytes, vector=vector, order=rows, align=align)
    there = ends > begins
    requests = np.where(there, spanned(begins, ends, LINE), 0).sum(axis=1)
    sectors = np.where(there, spanned(begins, ends, SECTOR), 0).sum(axis=1)
    lines = spanned(start, start + row_bytes, LINE)
    return Touched(requests=float(requests.mean()), sectors=float(sectors.mean()), lines=float(lines.mean()))


def _flat(start: NDArray[np.int64], row_bytes: int, width: int, *, circular: bool) -> tuple[NDArray[np.int64], ...]:
    """Stretches of each row that one instruction loads: warps take `width` bytes at a time, over rows' borders."""
    place = np.arange(start.size, dtype=np.int64) * row_bytes
    edges = (place - place % width)[:, None] + width * np.arange(row_bytes // width + 3)
    begins, ends = _clipped(edges, place, place + row_bytes)
    begins, ends = begins - place[:, None], ends - place[:, None]
    if not circular:
        return start[:, None] + begins, start[:, None] + ends
    # Moved on within the row, so that lanes lie to lines as they lie to the warp; what is past the end comes round.
    moved = ((place - start) % LINE % row_bytes)[:, None]
    before = (
        start[:, None] + np.minimum(begins + moved, row_bytes),
        start[:, None] + np.minimum(ends + moved, row_bytes),
    )
    round_ = (
        start[:, None] + np.maximum(begins + moved - row_bytes, 0),
        start[:, None] + np.maximum(ends + moved - row_bytes, 0),
    )
    return np.hstack([before[0], round_[0]]), np.hstack([before[1], round_[1]])


def _clipped(
    edges: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64]
) -> tuple[NDArray[np.int64], ...]:
    """Between neighbouring edges, what lies within low to high."""
    inside = np.clip(edges, low[:, None], high[:, None])
    return inside[:, :-1], inside[:, 1:]


def spanned(begins: NDArray[np.int64], ends: NDArray[np.int64], granule: int) -> NDArray[np.int64]:
    """How many aligned pieces of `granule` bytes the addresses from `begins` to `ends` touch."""
    return np.asarray(-(-ends // granule) - begins // granule)
