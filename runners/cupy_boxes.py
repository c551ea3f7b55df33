"""Bulk copies at work: memory with words that can be checked, and launches that stream through it box by box."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_maps = content.load_module(Path(__file__).with_name("cupy_tensor_map.py"))

SPAN = {"dram": 2 << 30, "l2": 16 << 20}  # bytes that launches walk through; L2 keeps far lines in both its halves
_MOVED = 3 << 29  # bytes of a launch at most; half as many where they are added, which takes longer
_ROUNDS = 1024  # boxes that pass through each slot at most: where latency bounds, a launch takes about a millisecond
_SUMS = 16  # as in tma/boxes.cuh
_MIDDLE = 1  # offset of the middle of a filter


class Words:
    """`size` bytes of device memory with words that tell where they lie (support/boxes.cu)."""

    def __init__(self, gpu: Any, size: int) -> None:
        self._gpu, self._size, self._seed = gpu, size, _fresh_seed()
        self.memory = gpu.alloc(size)
        self._support("fill_words", 8 * gpu.multiprocessors, [self.memory, np.uint32(size // 16), self._seed])

    def sums(self, first: int, count: int, box_bytes: int) -> Any:
        """Sums modulo 2^32 of the words of boxes (uint32), by their place in the box.

        Behind the last box that fits into the memory the first comes again. The words are computed, not read.
        """
        boxes = self._size // box_bytes
        laps, rest = divmod(count, boxes) if first == 0 else (0, count)
        total = np.zeros(box_bytes // 4, dtype=np.uint32)
        if laps:
            total += np.uint32(laps) * self._lap(0, boxes, box_bytes)
        if rest:
            total += self._lap(first, rest, box_bytes)
        return total

    def _lap(self, first: int, count: int, box_bytes: int) -> Any:
        total = self._gpu.alloc(box_bytes).view(np.uint32)
        self._gpu.memset(total, 0)
        args = [np.uint32(first), np.uint32(count), np.uint32(box_bytes // 4), self._seed, total]
        self._support("sum_boxes", 512, args)
        return total.get()

    def _support(self, name: str, grid: int, args: list[Any]) -> None:
        self._gpu.support("boxes.cu", name, grid, 512, args)


class Stream:
    """tma/throughput.cu, and tma/in_flight.cu where copies are bulk: `count` boxes per launch through all blocks.

    Between launches the stretch of memory moves on, so that small ones find in L2 nothing of the launch before.
    tensor: `dims` and `swizzle` of the boxes; images: `dims` of columns of pixels; None for plain bulk copies.
    """

    def __init__(
        self,
        gpu: Any,
        *,
        pattern: str,
        tier: str,
        box_bytes: int,
        stages: int,
        blocks: int = 1,
        cluster: int = 1,
        tensor: Mapping[str, int] | None = None,
        images: int | None = None,
    ) -> None:
        self._gpu, self._pattern, self._box, self._stages, self._cluster = gpu, pattern, box_bytes, stages, cluster
        self._grid = gpu.multiprocessors * blocks // cluster * cluster
        self._boxes, self._count = (
            SPAN[tier] // box_bytes,
            boxes_per_launch(
                self._grid // cluster, box_bytes, stages, most=_MOVED // 2 if pattern == "reduce" else _MOVED
            ),
        )
        self._words, self._seed, self._turns = Words(gpu, SPAN[tier]), _fresh_seed(), itertools.count()
        self._sums = gpu.alloc(_SUMS * box_bytes).view(np.uint32)
        self._shared = stages * (box_bytes + 16)
        self._outer, self._swizzle = 0, 0
        if tensor is not None:
            laid = _maps.tensor(SPAN[tier], box_bytes=box_bytes // cluster, **tensor)
            _maps.install(gpu, laid, self._words.memory)
            self._outer, self._swizzle = laid.outer, laid.swizzle
        self._images = images
        if images is not None:
            _maps.install(gpu, _maps.images(SPAN[tier], box_bytes=box_bytes, dims=images), self._words.memory)
            self._outer = _MIDDLE
        gpu.allow(gpu.kernel, self._shared)

    def work(self) -> Work:
        """Timed launches; every byte of one more is verified after them."""
        timed: Work = self._gpu.call(self._enqueue, work=self._count * self._box, verify=self._verify, keep=self)
        return timed

    def _enqueue(self) -> None:
        stretches = max(1, self._boxes // self._count)
        self._launch(next(self._turns) % stretches * self._count, self._count, check=0)

    def _launch(self, first: int, count: int, check: int, outer: int | None = None) -> None:
        numbers: list[Any] = [self._outer if outer is None else outer, self._boxes - 1, first, count, self._seed, check]
        args = [self._words.memory, *(np.uint32(n) for n in numbers), self._sums]
        block = 32 if self._loads else 128
        self._gpu.enqueue(self._gpu.kernel, self._grid, block, args, self._shared)

    @property
    def _loads(self) -> bool:
        return self._pattern in ("load", "multicast")

    def _verify(self) -> bool:
        laps = 2 if self._loads else 1  # what is read twice adds up; what is written twice tells of the last time
        count = min(self._count, laps * self._boxes)
        first = int(np.random.default_rng().integers(max(0, self._boxes - count) + 1))
        if self._images is not None and not self._moved(self._images, int(np.random.default_rng().choice((0, 2)))):
            return False
        return self._arrived(first, count) if self._loads else self._stored(first, count)

    def _moved(self, dims: int, offset: int) -> bool:
        """Whether columns of some images are right where the filter is not at its middle."""
        size = max(_maps.image_bytes(dims), self._box)
        words = self._words.memory[:size].view(np.uint32).get()
        expected = _maps.shifted(words, dims, offset).reshape(-1, self._box // 4).sum(axis=0, dtype=np.uint32)
        return bool((self._summed(0, size // self._box, outer=offset)[0] == expected).all())

    def _arrived(self, first: int, count: int) -> bool:
        """Blocks of the same rank in their clusters share sums: each rank got every box."""
        got = self._summed(first, count)
        place = _maps.landed(4 * np.arange(self._box // 4), self._swizzle) // 4
        return bool((got == self._words.sums(first, count, self._box)[place]).all())

    def _summed(self, first: int, count: int, outer: int | None = None) -> Any:
        """What landed in boxes, word by word of the box, summed up by rank in the cluster."""
        self._gpu.memset(self._sums, 0)
        self._launch(first, count, check=1, outer=outer)
        return self._sums.get().reshape(_SUMS // self._cluster, self._cluster, -1).sum(axis=0, dtype=np.uint32)

    def _stored(self, first: int, count: int) -> bool:
        gpu, wrong = self._gpu, self._gpu.alloc(8).view(np.uint64)
        stretch = self._words.memory[first * self._box : (first + count) * self._box]
        gpu.memset(stretch, 0 if self._pattern == "reduce" else 0xFF)
        gpu.memset(wrong, 0)
        self._launch(first, count, check=0)
        numbers = [count, self._box // 4, self._stages, self._grid, self._seed]
        gpu.support("boxes.cu", "check_stores", 2048, 512, [stretch, *map(np.uint32, numbers), wrong])
        return int(wrong.get()[0]) == 0


def boxes_per_launch(movers: int, box_bytes: int, stages: int, most: int) -> int:
    """As many boxes for each of the movers (blocks, or clusters that share boxes) as take about half a millisecond.

    most: bytes of a launch.
    """
    return movers * min(most // (movers * box_bytes), _ROUNDS * stages)


def by_threads(gpu: Any, *, tier: str, warps: int, unroll: int, vector: int, staged: bool) -> Work:
    """tma/in_flight.cu with vectors of so many bytes that the threads of `warps` per SM ask for, `unroll` each."""
    per_sm = -(-warps // 32)
    grid, block = gpu.multiprocessors * per_sm, 32 * warps // per_sm
    vectors, threads = SPAN[tier] // vector, grid * block
    rounds = boxes_per_launch(threads, vector, unroll, most=_MOVED) // threads // unroll * unroll
    stretches = max(1, vectors // (rounds * threads))
    words, turns = Words(gpu, SPAN[tier]), itertools.count()
    sums = gpu.alloc(4 * threads).view(np.uint32)
    shared = vector * block * unroll if staged else 0
    gpu.allow(gpu.kernel, shared)

    def launch(first: int, rounds: int) -> None:
        args = [words.memory, np.uint32(vectors - 1), np.uint32(first), np.uint32(rounds), sums]
        gpu.enqueue(gpu.kernel, grid, block, args, shared)

    def verify() -> bool:
        once = max(unroll, min(rounds, vectors // threads // unroll * unroll))
        first = int(np.random.default_rng().integers(max(1, vectors - once * threads + 1)))
        gpu.memset(sums, 0xFF)
        launch(first, once)
        expected = words.sums(first, once * threads, vector).sum(dtype=np.uint32)
        return int(sums.get().sum(dtype=np.uint32)) == int(expected)

    timed: Work = gpu.call(
        lambda: launch(next(turns) % stretches * rounds * threads, rounds),
        work=vector * rounds * threads,
        verify=verify,
        keep=[words, sums],
    )
    return timed


def in_flight(gpu: Any, *, method: str, tier: str, in_flight: int, unroll: int, vector: int) -> Work:
    """Work of tma/in_flight: so many bytes under way per SM, by the threads' own loads or by copies."""
    if method in ("plain", "cp_async"):
        return by_threads(
            gpu,
            tier=tier,
            warps=in_flight // (32 * vector * unroll),
            unroll=unroll,
            vector=vector,
            staged=method == "cp_async",
        )
    stream = Stream(
        gpu,
        pattern="load",
        tier=tier,
        box_bytes=in_flight // unroll,
        stages=unroll,
        tensor={"dims": 2} if method == "tensor" else None,
    )
    return stream.work()


def _fresh_seed() -> np.uint32:
    return np.uint32(np.random.default_rng().integers(2**32))
