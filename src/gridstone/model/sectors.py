"""What strided blocks cost on the wire: L2 moves sectors of 32 bytes, and device memory bursts of 64.

A block that fills no whole burst brings one when it is read. Where it is written its sectors go out, and a sector that
is written in part is read first, so that the rest of it stays as it is. How long a burst takes depends on what lies
between: bursts apart open a row of memory each. That is measured, once for each stride, on one side alone
(`datatype/side`); the packed side streams. Lines that L2 still holds from the packing before cost what L2 takes.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gridstone.model.interpolate import Table

SECTOR, BURST, LINE = 32, 64, 128
Direction = Literal["pack", "unpack"]
_MOST_BLOCKS = 4096


@dataclass(frozen=True, kw_only=True)
class Tier:
    """L2 or device memory: seconds per burst.

    apart: ascending strides in bytes, at each of which `read`, `whole` and `part` say what a burst takes of which 16
    bytes are read, of which a whole sector is written, and of which part of a sector is; beyond, like the furthest.
    load, store: per burst of contiguous memory.
    """

    apart: tuple[float, ...]
    read: tuple[float, ...]
    whole: tuple[float, ...]
    part: tuple[float, ...]
    load: float
    store: float

    def block(self, block: int, stride: int, direction: Direction) -> float:
        """Seconds that the strided side of one block takes. Raises ValueError as `touched` does."""
        bursts, sectors = touched(block, stride, BURST), touched(block, stride, SECTOR)
        cut = partly(block, stride, SECTOR)
        if stride <= BURST and direction == "pack":
            return bursts * self.load
        if stride < BURST:
            return (sectors * self.store + cut * self.load) * SECTOR / BURST
        if direction == "pack":
            return self._at(self.read, stride) + (bursts - 1) * self.load
        return max(self._at(self.part if cut else self.whole, stride), bursts * self.store)

    def _at(self, seconds: tuple[float, ...], stride: int) -> float:
        return float(np.interp(math.log(stride), np.log(self.apart), seconds))


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a GPU takes for packing: contiguous `sizes` (ascending, in bytes) in `seconds`, again and again, of which
    the largest are far beyond L2; and what bursts take in L2 and in memory."""

    sizes: tuple[float, ...]
    seconds: tuple[float, ...]
    l2: Tier
    dram: Tier

    @property
    def held(self) -> float:
        """Contiguous bytes up to which L2 holds both sides: the size that is copied at the highest rate."""
        rates = [size / seconds for size, seconds in zip(self.sizes, self.seconds, strict=True)]
        return self.sizes[int(np.argmax(rates))]

    def cached(self, read: float, written: float) -> float:
        """Seconds of packing that reads from L2 for `read` seconds and writes to it for `written`.

        Both ways are open at once: it takes what contiguous bytes do of which the busier side takes as long.
        """
        size = BURST * max(read / self.l2.load, written / self.l2.store)
        within = [(n, t) for n, t in zip(self.sizes, self.seconds, strict=True) if n <= self.held]
        (first, quick), (last, slow) = within[max(0, len(within) - 2)], within[-1]
        beyond = (slow - quick) / (last - first) if last > first else slow / last
        return self._contiguous(min(size, self.held)) + max(0.0, size - self.held) * beyond

    def streamed(self, spent: float) -> float:
        """Seconds of packing that keeps memory busy for `spent`.

        On top comes what the largest contiguous sizes take beside what grows with them: the call, and the way of the
        first burst and of the last.
        """
        (first, quick), (last, slow) = zip(self.sizes[-2:], self.seconds[-2:], strict=True)
        start = quick - first * (slow - quick) / (last - first) if first > self.held else 0.0
        return max(self.seconds[0], start) + spent

    def missing(self, footprint: float) -> float:
        """The share of `footprint` bytes of lines that L2 has lost when they are asked for again.

        It shows in what contiguous packing of as many takes, between what L2 and what memory would.
        """
        size = footprint / 2
        if size <= self.held:
            return 0.0
        bursts = size / BURST
        hits = self.cached(bursts * self.l2.load, bursts * self.l2.store)
        misses = self.streamed(bursts * (self.dram.load + self.dram.store))
        if size >= self.sizes[-1] or misses <= hits:
            return 1.0
        return float(np.clip((self._contiguous(size) - hits) / (misses - hits), 0.0, 1.0))

    def _contiguous(self, size: float) -> float:
        within = min(max(size, self.sizes[0]), self.sizes[-1])
        return math.exp(float(np.interp(math.log(within), np.log(self.sizes), np.log(self.seconds))))


@functools.lru_cache(maxsize=4096)
def touched(block: int, stride: int, unit: int) -> float:
    """Units of `unit` bytes that a block of `block` bytes reaches on average; one that two blocks share counts once.

    The blocks lie `stride` bytes apart, the first at a unit's start. Raises ValueError for blocks that overlap.
    """
    starts = _starts(block, stride, unit)
    first, behind = starts // unit, -(-(starts + block) // unit)
    shared = np.maximum(0, behind[:-1] - first[1:])  # with the block before
    return float((behind[1:] - first[1:] - shared).mean())


@functools.lru_cache(maxsize=4096)
def partly(block: int, stride: int, unit: int) -> float:
    """Units per block that the blocks cover in part. Arguments and errors are those of `touched`."""
    if stride == block:
        return 0.0
    starts = _starts(block, stride, unit)[:-1]
    edges = np.concatenate([starts, starts + block])
    within = starts.size * stride  # the pattern of units begins anew, unless it was cut off
    cut = edges[edges % unit != 0] // unit % max(1, within // unit)
    return float(np.unique(cut).size / starts.size)


def _starts(block: int, stride: int, unit: int) -> NDArray[np.int64]:
    if block < 1 or stride < block or unit < 1:
        raise ValueError(f"block={block}, stride={stride}: blocks of at least a byte that do not overlap are needed")
    period = min(unit // math.gcd(stride, unit), _MOST_BLOCKS)
    return stride * np.arange(period + 1, dtype=np.int64)


def footprint(size: float, block: int, stride: int) -> float:
    """Bytes of the lines that both sides of a packing lie in. Raises ValueError as `touched` does."""
    return size + size / block * touched(block, stride, LINE) * LINE


def packing_time(size: float, block: int, stride: int, *, direction: Direction, memory: Memory) -> float:
    """Seconds to pack or unpack `size` bytes where the wire alone decides. Raises ValueError as `touched` does."""

    def sides(tier: Tier) -> tuple[float, float]:
        strided = size / block * tier.block(block, stride, direction)
        packed = size / BURST * (tier.store if direction == "pack" else tier.load)
        return (strided, packed) if direction == "pack" else (packed, strided)

    lost = memory.missing(footprint(size, block, stride))
    found = memory.cached(*sides(memory.l2)) if lost < 1 else 0.0
    return (1 - lost) * found + (lost * memory.streamed(sum(sides(memory.dram))) if lost else 0.0)


@dataclass(frozen=True, kw_only=True)
class Packing:
    """`packing_time` as the course of a law over dims, stride, block and bytes, in that order."""

    memory: Memory
    direction: Direction

    def at(self, x: Table) -> Table:
        """(k,): seconds at coordinates `x` (k, 4). Blocks and strides are whole bytes; a stride is at least a block."""
        return np.array(
            [
                packing_time(
                    size,
                    max(1, round(block)),
                    max(round(stride), round(block), 1),
                    direction=self.direction,
                    memory=self.memory,
                )
                for _, stride, block, size in x
            ]
        )

    def record(self) -> dict[str, Any]:
        """As model.json keeps it."""
        return {"direction": self.direction, "memory": asdict(self.memory)}


def packing(record: Mapping[str, Any]) -> Packing:
    """What `Packing.record` wrote. Raises TypeError or KeyError where something is missing."""
    memory = record["memory"]
    return Packing(
        direction=record["direction"],
        memory=Memory(
            sizes=tuple(memory["sizes"]),
            seconds=tuple(memory["seconds"]),
            l2=_tier(memory["l2"]),
            dram=_tier(memory["dram"]),
        ),
    )


def _tier(record: Mapping[str, Any]) -> Tier:
    costs = {name: tuple(record[name]) for name in ("apart", "read", "whole", "part")}
    return Tier(**costs, load=float(record["load"]), store=float(record["store"]))
