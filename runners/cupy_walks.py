"""Walks along rings of addresses, from several SMs at once: what a load takes, whatever line and whatever SM it is.

A load of L2 takes 200 to 330 cycles, by where the line lies and where the SM is; which lines of a ring fit L1 depends
on its addresses. One ring from one SM is one draw of all that. So rings are laid elsewhere ahead of every sample, and a
sample is the mean over SMs that each walk one of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone.clock import STAMP, Order, Walk, Work, median_hz
from gridstone.declaration import Samples, Unavailable

_SLACK = 256 << 20  # bytes within which rings are moved
_LINE = 128
_PAGE = 2 << 20
PAGES_ROOM = 1 << 30  # bytes within which pages are moved
_SPREAD = 2048, 1265  # rings start that many lines apart modulo so many: how they lie to each other is any


class Rings:
    """Rings of `count` places, `stride` bytes apart in a random order: one for each walker, `pitch` bytes apart.

    Without a pitch the rings start at all kinds of lines, so that they are as many draws of what a cache keeps.
    """

    def __init__(self, gpu: Any, *, count: int, stride: int, walkers: int, pitch: int | None = None) -> None:
        self._gpu, self._stride, self.walkers = gpu, stride, walkers
        self.pitch = pitch or _apart(-(-count * stride // _LINE)) * _LINE
        self._walk = Walk(order=Order(n=count), base=0, stride=stride)
        self._memory = gpu.alloc(count * stride + walkers * self.pitch + _SLACK)
        self._rng = np.random.default_rng()
        self._base = 0

    def lay(self) -> None:
        """Lay the rings somewhere else."""
        self._base = int(self._memory.data.ptr) + _LINE * int(self._rng.integers(_SLACK // _LINE))
        order = self._walk.order
        args = [self._base, *map(np.uint64, (self.pitch, self._stride)), np.uint32(order.n), np.uint32(order.half_bits)]
        self._gpu.support("ring.cu", "rings", self.walkers, 256, args)

    def step(self, hops: int) -> tuple[int, int]:
        """Where the first walker starts and where it ends after so many hops, which is where the next walk starts."""
        start = self._base + self._walk.step(hops)
        return start, self._base + self._walk.expect()[-1]


def _apart(lines: int) -> int:
    """How many lines rings of so many lie apart."""
    period, step = _SPREAD
    return lines + (step - lines) % period


class Pages:
    """A ring through one place in each of `count` pages in turn, time and again, until it has met `least` lines.

    So few translations are needed, but the lines are many. Pages are `stride` bytes apart, a power of two; they lie
    elsewhere at every laying, and the places of a page, within its first 2 MiB, are others.
    """

    walkers, pitch = 1, 0

    def __init__(self, gpu: Any, *, count: int, stride: int, least: int) -> None:
        self._gpu, self._lines = gpu, min(stride, _PAGE) // _LINE
        laps = min(-(-least // count), self._lines)
        self._memory = gpu.alloc(count * stride + PAGES_ROOM)
        self._base = -(-int(self._memory.data.ptr) // _PAGE) * _PAGE
        self._rng = np.random.default_rng()
        self._pages = np.uint64(stride) * self._rng.permutation(count).astype(np.uint64)
        self._laps = np.arange(laps, dtype=np.uint64)[:, None]
        self.count, self._cursor = count * laps, 0
        self._held = gpu.alloc(8 * self.count).view(np.uint64)
        self._places = self._pages

    def lay(self) -> None:
        """Lay the ring through other lines of the same pages: an odd step meets each line of a page once."""
        base = self._base + _PAGE * int(self._rng.integers(PAGES_ROOM // _PAGE))
        first, step = self._rng.integers(self._lines, size=(2, self._pages.size), dtype=np.uint64)
        line = (first + self._laps * (step | np.uint64(1))) % np.uint64(self._lines)
        self._places = (np.uint64(base) + self._pages + np.uint64(_LINE) * line).ravel()
        self._held.set(self._places)
        self._gpu.support(
            "ring.cu", "ring_through", self._gpu.multiprocessors, 256, [self._held, np.uint32(self.count)]
        )

    def step(self, hops: int) -> tuple[int, int]:
        """Where a walk starts and where it ends after so many hops, which is where the next one starts."""
        start = self._cursor
        self._cursor = (start + hops) % self.count
        return int(self._places[start]), int(self._places[self._cursor])


@dataclass(frozen=True, kw_only=True)
class SpreadClock:
    """Times a chain that several blocks walk at once, each on an SM of its own, as a slope over two lengths.

    launch(stamps): enqueue it; block b times a stretch of each length, the short one first, and writes the Stamp number
    b of the device array. right(results): notes whether all of the last launch ended where they must. before: called
    ahead of every sample.
    """

    launch: Callable[[Any], None]
    right: Callable[[Any], None]
    before: Callable[[], None]
    lengths: tuple[int, int]
    walkers: int
    multiprocessors: int
    room: Any

    def take(self, count: int) -> Samples:
        """`count` samples: the mean over the blocks of the cycles per operation, and the median of their SM clocks.

        Observed beside it is `latency_median` over the blocks: a few places that lie badly are not in it.
        Raises Unavailable where two blocks shared an SM.
        """
        short, long = self.lengths
        cycles, middle, hz = np.empty(count), np.empty(count), np.empty(count)
        for i in range(count):
            self.before()
            taken = self._stamps()
            slope = ((taken["c1"] - taken["c0"]).astype(np.float64) - taken["brief"]) / (long - short)
            cycles[i], middle[i] = slope.mean(), np.median(slope)
            hz[i] = median_hz(taken)
        return Samples(
            cycles=cycles,
            seconds=cycles / hz,
            sm_hz=hz,
            multiprocessors=self.multiprocessors,
            observed={"latency_median": middle},
        )

    def _stamps(self) -> Any:
        self.launch(self.room)
        taken = self.room.get().view(STAMP)
        if np.unique(taken["smid"]).size < self.walkers:
            raise Unavailable("blocks that were to have an SM each shared one")
        self.right(taken["result"])
        return taken


def spread(
    gpu: Any,
    *,
    launch: Callable[[Any], Any],
    lengths: tuple[int, int],
    walkers: int,
    before: Callable[[], None],
) -> Work:
    """Work of a SpreadClock. launch(stamps) also returns the `result` that each block must leave."""
    seen: list[bool] = []
    meant: list[Any] = []
    room = gpu.alloc(walkers * STAMP.itemsize)
    gpu.memset(room, 0xFF)  # a kernel that writes no stamp must not pass with what lay there
    clock = SpreadClock(
        launch=lambda stamps: meant.append(launch(stamps)),
        right=lambda results: seen.append(bool((results == np.asarray(meant.pop(), np.uint64)).all())),
        before=before,
        lengths=lengths,
        walkers=walkers,
        multiprocessors=gpu.multiprocessors,
        room=room,
    )
    return Work(clock=clock, verify=lambda: all(seen))


def chase(gpu: Any, rings: Any, *, warm: int, lengths: tuple[int, int], block: int = 1) -> Work:
    """cache/chase.cu along rings that are laid anew for every launch; `warm` hops come before the clock."""

    def launch(stamps: Any) -> Any:
        start, end = rings.step(warm + sum(lengths))
        args = [np.uint64(start), np.uint64(rings.pitch), *map(np.uint32, (warm, *lengths)), stamps]
        gpu.enqueue(gpu.kernel, rings.walkers, block, args)
        return np.uint64(end) + np.uint64(rings.pitch) * np.arange(rings.walkers, dtype=np.uint64)

    return spread(gpu, launch=launch, lengths=lengths, walkers=rings.walkers, before=rings.lay)


def walkers(gpu: Any, footprint: int, most: int | None = None) -> int:
    """How many SMs may walk rings of so many bytes at once: a quarter of L2 holds all, as it keeps far lines twice."""
    return max(1, min(most or gpu.multiprocessors, gpu.multiprocessors, gpu.facts.l2 // 4 // footprint))
