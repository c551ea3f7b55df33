"""Walks whose hops are copies: the rings that they follow, wherever those are laid, and where they must end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from device_stand_in import Gpu

from gridstone import content
from gridstone.clock import STAMP, Order

copied: Any = content.load_module(content.folder("runners") / "copied_walks.py")
HOP, CLOCK = 300, 40


class Walker:
    """A ring that is laid as support/ring.cu does, and blocks that follow it as tma/latency.cu does."""

    def __init__(self) -> None:
        self.laid: list[int] = []
        self.touched = 0
        self.next: dict[int, int] = {}

    def lay(self, grid: int, args: Sequence[Any]) -> None:
        memory, stride, seen, apart, n, _ = args
        self.laid.append(memory.data.ptr)
        order = Order(n=int(n))
        for k in range(int(n)):
            here, after = order.place(k), order.place(k + 1)
            assert here * int(stride) + 8 <= memory.nbytes
            self.next[int(seen) + here * int(apart)] = int(seen) + after * int(apart)

    def touch(self, grid: int, args: Sequence[Any]) -> None:
        self.touched += 1

    def walk(self, grid: int, args: Sequence[Any]) -> None:
        origin, scale, n, _, first, apart, brief, hops, stamps = args
        taken = np.zeros(grid, STAMP)
        for block in range(grid):
            p = int(origin) + int(scale) * Order(n=int(n)).place(int(first) + block * int(apart))
            for _ in range(2 + int(brief) + int(hops)):
                p = self.next[p]
            taken[block] = (0, CLOCK + int(hops) * HOP, 0, 10**6, p, block, CLOCK + int(brief) * HOP)
        stamps.set(taken.view(np.uint8))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_ROOM": 1 << 20, "_FAR": 1 << 20, "_NEAR": 1 << 15, "_HOPS": 64, "_FAR_HOPS": 256}.items():
        monkeypatch.setattr(copied, name, value)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(("tier", "bytes"), [("l2", 16), ("l2", 1024), ("dram", 16), ("dram", 4096)])
def test_walks_end_where_they_must_wherever_the_ring_lies(tier: str, bytes: int) -> None:
    walker = Walker()
    gpu = Gpu(walker.walk, ring_of_addresses=walker.lay, touch=walker.touch)
    work = copied.latency(gpu, method="bulk", tier=tier, bytes=bytes, dims=1)
    taken = work.clock.take(4)
    assert taken.cycles == pytest.approx([HOP] * 4) and work.verify()
    assert walker.touched == 4
    assert len(set(walker.laid)) > 1 if tier == "l2" else len(walker.laid) == 1


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("tier", "bytes", "dims"), [("l2", 128, 1), ("l2", 1024, 2), ("dram", 128, 3), ("dram", 128, 1)]
)
def test_by_tensor_map_the_ring_is_of_coordinates(
    tier: str, bytes: int, dims: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed: list[Any] = []
    monkeypatch.setattr(copied._maps, "install", lambda gpu, laid, array: installed.append((laid, array.nbytes)))
    walker = Walker()
    gpu = Gpu(walker.walk, ring_of_addresses=walker.lay, touch=walker.touch)
    work = copied.latency(gpu, method="tensor", tier=tier, bytes=bytes, dims=dims)
    work.clock.take(2)
    (laid, size), last = installed[0], max(walker.next)
    assert work.verify()
    assert last + laid.outer <= laid.shape[-1] and last * bytes // laid.outer < size
    assert all(place % laid.outer == 0 for place in walker.next)


@pytest.mark.usefixtures("small")
def test_a_walk_that_ends_elsewhere_is_not_verified() -> None:
    walker = Walker()

    def astray(grid: int, args: Sequence[Any]) -> None:
        walker.walk(grid, args)
        taken = args[-1].get().view(STAMP)
        taken["result"][-1] += 128
        args[-1].set(taken.view(np.uint8))

    gpu = Gpu(astray, ring_of_addresses=walker.lay, touch=walker.touch)
    work = copied.latency(gpu, method="bulk", tier="l2", bytes=16, dims=1)
    work.clock.take(1)
    assert not work.verify()
