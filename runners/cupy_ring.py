"""Rings through memory that a chain of dependent loads follows, and caches left as a long walk leaves them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridstone.clock import Order, Walk


class Ring:
    """A ring in memory and a walk along it."""

    def __init__(self, gpu: Any, walk: Walk, memory: Any, stride: int) -> None:
        self._gpu, self.walk, self.memory, self._stride = gpu, walk, memory, stride
        self._sink = gpu.alloc(4)

    def visit(self) -> None:
        """Leave the caches as a long walk up to here would: the last places visited are those just behind.

        One block does it, on the SM where the walk's single block will start: L2 keeps a line that is at home in
        its far half in the near one as well, once an SM of this side has read it.
        """
        n = self.walk.order.n
        count = min(n, max(1, 4 * self._gpu.facts.l2 // self._stride))
        args = [
            self.memory,
            np.uint64(self._stride),
            np.uint32(n),
            np.uint32(self.walk.order.half_bits),
            np.uint32((self.walk.cursor - count) % n),
            np.uint32(count),
            self._sink,
        ]
        self._gpu.support("ring.cu", "visit", 1, 1024, args)

    def move(self) -> None:
        """Lay the same ring of addresses through other memory, then visit it.

        Where it lies decides what a cache holds that it nearly fits; far larger ones stay in place.
        """
        if self.memory.nbytes < 4 * self._gpu.facts.l2:
            self.memory = self._gpu.alloc(self.memory.nbytes)
            self.walk.base = int(self.memory.data.ptr)
            _lay_addresses(self._gpu, self.memory, self.walk)
        self.visit()


def ring_of_addresses(gpu: Any, footprint: int, stride: int, memory: Any = None) -> Ring:
    """Each place holds the address of the next, one per `stride` in a random order.

    memory: pinned host memory to lay it through; new device memory by default.
    """
    if memory is None:
        memory = gpu.alloc(footprint)
    order = Order(n=footprint // stride)
    base = int(memory.ctypes.data) if isinstance(memory, np.ndarray) else int(memory.data.ptr)
    walk = Walk(order=order, base=base, stride=stride)
    _lay_addresses(gpu, memory, walk)
    return Ring(gpu, walk, memory, stride)


def _lay_addresses(gpu: Any, memory: Any, walk: Walk) -> None:
    order = walk.order
    stride = np.uint64(walk.stride)
    args = [memory, stride, np.uint64(walk.base), stride, np.uint32(order.n), np.uint32(order.half_bits)]
    gpu.support("ring.cu", "ring_of_addresses", 4 * gpu.multiprocessors, 256, args)


def ring_of_offsets(gpu: Any, footprint: int, stride: int, unit: int = 4) -> Ring:
    """Each place holds the offset of the next in units of `unit` bytes, as uint32."""
    order = Order(n=footprint // stride)
    words = gpu.alloc(footprint).view(np.uint32)
    gpu.memset(words, 0)
    args = [words, np.uint64(stride), np.uint32(order.n), np.uint32(order.half_bits), np.uint32(unit)]
    gpu.support("ring.cu", "ring_of_offsets", 4 * gpu.multiprocessors, 256, args)
    return Ring(gpu, Walk(order=order, base=0, stride=stride // unit), words, stride)
