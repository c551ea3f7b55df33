"""What strided blocks cost on the wire: L2 moves sectors of 32 bytes, and device memory bursts of 64.

A block that fills no whole sector still brings one, and one that comes from memory a burst. Where part of a sector is
written, memory is read first, so that the rest of the burst stays as it is. So packing blocks of 8 bytes that lie far
apart reads 8 times what it keeps, and unpacking them reads and writes as much. Bursts that lie a row of memory apart
come slower than those of a stream: each opens a row.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

SECTOR, BURST, LINE, ROW = 32, 64, 128, 1024
Direction = Literal["pack", "unpack"]
_MOST_BLOCKS = 4096
_CACHED = 0.8  # of L2: lines beyond are pushed out before they are asked for again


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a kernel finds: bytes of L2; seconds that contiguous `sizes` (ascending, in bytes) take to copy; bytes per
    second of bursts in order, read and written, for what is larger; and of bursts that each open a row."""

    l2: float
    sizes: tuple[float, ...]
    seconds: tuple[float, ...]
    streamed: float
    scattered: float

    def copy_time(self, size: float) -> float:
        """Seconds to copy `size` contiguous bytes, between the sizes that were measured in proportion."""
        within = min(size, self.sizes[-1])
        known = float(np.interp(np.log(within), np.log(self.sizes), np.log(self.seconds)))
        return math.exp(known) + 2 * (size - within) / self.streamed


@functools.lru_cache(maxsize=4096)
def touched(block: int, stride: int, unit: int) -> float:
    """Units of `unit` bytes that a block of `block` bytes reaches on average; one that two blocks share counts once.

    The blocks lie `stride` bytes apart, the first at a unit's start. Raises ValueError for blocks that overlap.
    """
    if block < 1 or stride < block or unit < 1:
        raise ValueError(f"block={block}, stride={stride}: blocks of at least a byte that do not overlap are needed")
    period = min(unit // math.gcd(stride, unit), _MOST_BLOCKS)
    starts = stride * np.arange(period + 1, dtype=np.int64)
    first, behind = starts // unit, -(-(starts + block) // unit)
    shared = np.maximum(0, behind[:-1] - first[1:])  # with the block before
    return float((behind[1:] - first[1:] - shared).mean())


def in_l2(size: float, block: int, stride: int, l2: float) -> bool:
    """Whether lines and packed bytes stay in L2 from one packing to the next; a line is kept for each sector of it."""
    return size + size / block * touched(block, stride, LINE) * LINE <= _CACHED * l2


def moved(block: int, stride: int, *, direction: Direction, unit: int) -> float:
    """Bytes on the wire per packed byte on the strided side: 1 where all that is touched is wanted.

    unit: BURST where the blocks come from memory, SECTOR where they lie in L2. Raises ValueError as `touched` does.
    """
    strided = unit * touched(block, stride, unit) / block
    partly = direction == "unpack" and unit == BURST and SECTOR * touched(block, stride, SECTOR) > block
    return 2 * strided if partly else strided


def packing_time(size: float, block: int, stride: int, *, direction: Direction, memory: Memory) -> float:
    """Seconds to pack or unpack `size` bytes where the wire alone decides: those of a copy that moves as much.

    Raises ValueError as `touched` does.
    """
    cached = in_l2(size, block, stride, memory.l2)
    strided = size * moved(block, stride, direction=direction, unit=SECTOR if cached else BURST)
    if cached or stride < ROW or block >= LINE:
        return memory.copy_time((size + strided) / 2)
    return memory.seconds[0] + strided / memory.scattered + size / memory.streamed


def effective_bandwidth(size: float, block: int, stride: int, *, direction: Direction, memory: Memory) -> float:
    """Packed bytes per second, read and written, that `packing_time` comes to."""
    return 2 * size / packing_time(size, block, stride, direction=direction, memory=memory)
