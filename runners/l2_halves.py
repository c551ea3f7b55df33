"""Lines of L2 told apart by what one load takes: near hits, far hits and misses.

An SM reaches the half of L2 on its side first. A line that belongs to the other half is kept in the near one too once
an SM of this side has read it. Where all SMs read an array, one of them reads each line, and lines that follow each
other are read by SMs of one side: of the lines that are timed together all are near, or half of them. A far hit takes
half as long again as a near one and is no miss.

Where a sector was stored in part and has not gone to memory since, the SMs of one side may read it over and over and
hit, and yet one of the other side loads it from DRAM: Nsight Compute counts a sector for each such load, and none for
the others. So what is stored here is written back before it is read.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.changepoint import split_in_two
from gridstone.clock import Order, Work
from gridstone.declaration import Unavailable

_driver = content.load_module(Path(__file__).with_name("cupy_cache.py"))
_LINE = 128
_MIB = 1 << 20
_TIMED = 1024  # loads that tell hits from misses in one sample
_SMALL = 4 * _MIB  # an array that lies in L2 as a whole
_SWEEPS = 3  # ahead of the first sample
_ENOUGH = 0.8  # of the loads that should hit
_APART = 1.2  # far hits over near ones: where the groups are closer, L2 has no two halves


class Lines:
    """An array of `size` bytes whose lines of 128 bytes hold their own addresses, and a random order of the lines."""

    def __init__(self, gpu: Any, size: int) -> None:
        self._gpu, self._timed, self._next = gpu, min(_TIMED, size // _LINE), 0
        self.order = Order(n=size // _LINE)
        self.memory, self._sink = gpu.alloc(size), gpu.alloc(4)
        self._cycles, self._wrong = gpu.alloc(4 * _TIMED).view(np.uint32), gpu.alloc(4).view(np.uint32)
        gpu.memset(self._wrong, 0)
        line, count, _ = self._shape()
        gpu.support("ring.cu", "self_addresses", gpu.multiprocessors, 256, [self.memory, line, count])

    def settle(self) -> None:
        """Have the lines written back to memory, by reading more than L2 holds elsewhere."""
        other = self._gpu.alloc(4 * self._gpu.facts.l2)
        args = [other, np.uint64(other.nbytes // 16), self._sink]
        self._gpu.support("boxes.cu", "touch", 8 * self._gpu.multiprocessors, 1024, args)

    def sweep(self, pattern: str) -> None:
        """Read all lines once past L1: by the SM of the first block alone (`one`), or each by one of all SMs."""
        _, count, _ = shape = self._shape()
        grid, block = (1, 1024) if pattern == "one" else (8 * self._gpu.multiprocessors, 256)
        self._gpu.support("ring.cu", "visit", grid, block, [self.memory, *shape, np.uint32(0), count, self._sink])

    def latencies(self) -> Any:
        """Cycles, the clock's own included, of single loads of some lines, others than the last time, by one SM."""
        count = np.uint32(self._timed)
        tail = [np.uint32(self._next), count, np.uint32(1), self._cycles, self._wrong]
        self._gpu.enqueue(self._gpu.kernel, 1, 1, [self.memory, *self._shape(), *tail])
        self._next = (self._next + self._timed) % self.order.n
        return self._cycles.get()[: self._timed].astype(np.float64)

    def right(self) -> bool:
        """Whether each load returned the address of its line."""
        return int(self._wrong.get()[0]) == 0

    def _shape(self) -> tuple[Any, Any, Any]:
        return np.uint64(_LINE), np.uint32(self.order.n), np.uint32(self.order.half_bits)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Cycles that part near hits from far ones, and hits from misses; the same where L2 has no two halves."""

    near: float
    hit: float

    def shares(self, taken: Any) -> dict[str, float]:
        """The shares of loads that hit L2, and that hit its near half."""
        return {"hit_share": float((taken < self.hit).mean()), "near_share": float((taken < self.near).mean())}


def limits(hits: Any, misses: Any) -> Limits:
    """The limits between groups of loads, from loads that hit and loads that miss.

    hits: cycles of loads of lines that lie in either half; a few of what was just stored may come from memory all the
    same, and are left out. misses: of loads just after a flush. Raises Unavailable where more than a few take as long.
    """
    first_miss = float(np.quantile(misses, 0.05))
    found = hits[hits < first_miss]
    if found.size < _ENOUGH * hits.size:
        raise Unavailable("hits of L2 and misses take as long as each other here")
    near, far = split_in_two(found)
    two_halves = np.median(far) > _APART * np.median(near)
    last_hit = float(np.quantile(far if two_halves else found, 0.95))
    hit = (last_hit + first_miss) / 2
    return Limits(near=float(np.median(near) + np.median(far)) / 2 if two_halves else hit, hit=hit)


def measured_limits(gpu: Any) -> Limits:
    """The limits as the SM of the cell's kernel sees them now."""
    lines = Lines(gpu, _SMALL)
    gpu.memset(lines.memory, 0)  # whole lines, by all SMs: each lies in the half that it belongs to
    lines.latencies()  # of other lines: the pages are translated, the kernel is loaded
    hits = lines.latencies()
    gpu.flush_l2()
    return limits(hits, lines.latencies())


def capacity(gpu: Any, *, footprint: int, pattern: str) -> Work:
    """Work of cache/l2_capacity: an array is read over and over, then single loads of it are told apart."""
    parted, lines = measured_limits(gpu), Lines(gpu, footprint)
    lines.settle()
    for _ in range(_SWEEPS):
        lines.sweep(pattern)

    def observe() -> dict[str, float]:
        lines.sweep(pattern)
        return parted.shares(lines.latencies())

    return replace(gpu.observe(observe), verify=lines.right)


def persistence(gpu: Any, *, footprint: int, form: str) -> Work:
    """Work of cache/persistence: what of an array still hits after twice L2 was read past it.

    Raises Unavailable where the driver offers no window of that size.
    """
    most = _driver.attribute(gpu, "MAX_PERSISTING_L2_CACHE_SIZE")
    window = _driver.attribute(gpu, "MAX_ACCESS_POLICY_WINDOW_SIZE")
    if form == "persisting" and (not most or footprint > window):
        raise Unavailable(f"a window of {footprint} bytes is not to be had: at most {window}, {most} of them set aside")
    parted, kept = measured_limits(gpu), Lines(gpu, footprint)
    stream = Lines(gpu, 2 * gpu.facts.l2 // _MIB * _MIB)
    stream.settle()

    def observe() -> dict[str, float]:
        with _driver.set_aside(most) if form == "persisting" else nullcontext():
            with _driver.persisting(gpu, kept.memory) if form == "persisting" else nullcontext():
                for _ in range(2):
                    kept.sweep("all")
                gpu.synchronize()
            stream.sweep("all")
            return parted.shares(kept.latencies())

    return replace(gpu.observe(observe), verify=kept.right)
