"""Streams of boxes on a GPU of NumPy arrays: what is launched, and that verification tells right from wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from gridstone import content

boxes: Any = content.load_module(content.folder("runners") / "cupy_boxes.py")
maps: Any = content.load_module(content.folder("runners") / "cupy_tensor_map.py")
SMS = 6


class Array(np.ndarray):
    """A NumPy array that can be asked for its contents like one on a device."""

    def get(self) -> Any:
        return np.asarray(self)


def word_at(i: Any, seed: int) -> Any:
    x = ((i.astype(np.uint64) ^ seed) * 0x9E3779B1).astype(np.uint32)
    x = ((x ^ x >> 15).astype(np.uint64) * 0x85EBCA6B).astype(np.uint32)
    return x ^ x >> 13


@dataclass
class FakeGpu:
    """Does in NumPy what the kernels of tma/ and support/boxes.cu do."""

    pattern: str
    box: int
    stages: int
    cluster: int = 1
    swizzle: int = 0
    spoil: Callable[[Any], None] = lambda memory: None
    multiprocessors: int = SMS
    kernel: None = None
    launches: list[tuple[int, int]] = field(default_factory=list)

    def alloc(self, size: int) -> Any:
        return np.full(size, 0xAB, dtype=np.uint8).view(Array)

    def memset(self, array: Any, value: int) -> None:
        array.view(np.uint8)[:] = value

    def allow(self, kernel: Any, shared: int) -> None:
        assert shared >= self.stages * self.box or self.pattern == "threads"

    def call(self, enqueue: Any, **work: Any) -> Any:
        return enqueue, work

    def support(self, file: str, name: str, grid: int, block: int, args: list[Any]) -> None:
        assert file == "boxes.cu"
        getattr(self, f"_{name}")(*args)

    def _fill_words(self, memory: Any, vectors: Any, seed: Any) -> None:
        memory.view(np.uint32)[:] = word_at(np.arange(4 * int(vectors)), int(seed))

    def _sum_boxes(self, first: Any, count: Any, words: Any, seed: Any, sums: Any) -> None:
        assert 512 * 512 % int(words) == 0
        i = int(first) * int(words) + np.arange(int(count) * int(words))
        sums += word_at(i, int(seed)).reshape(int(count), int(words)).sum(axis=0, dtype=np.uint32)

    def _check_stores(self, memory: Any, *numbers: Any) -> None:
        count, words, stages, blocks, seed = map(int, numbers[:5])
        expected = np.stack([content_of(i % blocks, i // blocks % stages, words, seed) for i in range(count)])
        numbers[5][0] += int((memory.view(np.uint32).reshape(count, words) != expected).sum())

    def enqueue(self, kernel: Any, grid: int, block: int, args: list[Any], shared: int) -> None:
        if self.pattern == "threads":
            memory, mask, first, rounds, sums = args
            place = (int(first) + np.arange(max(4, int(rounds)) * grid * block)) & int(mask)
            sums[:] = 0
            sums[0] = memory.view(np.uint32).reshape(-1, 4)[place].sum(dtype=np.uint32)
            self.launches.append((int(first), int(rounds)))
            return
        memory, _outer, mask, first, count, seed, check, sums = args
        self.launches.append((int(first), int(count)))
        self.spoil(memory)
        if not (int(check) or self.pattern in ("store", "reduce")):
            return
        movers = grid // self.cluster
        held = memory.view(np.uint32).reshape(-1, self.box // 4)
        place = maps.landed(4 * np.arange(self.box // 4), self.swizzle) // 4
        for i in range(int(count)):
            one = (int(first) + i) & int(mask)
            if self.pattern in ("load", "multicast"):
                for rank in range(self.cluster):
                    sums.reshape(16, -1)[(i % movers * self.cluster + rank) % 16] += held[one][place]
                continue
            new = content_of(i % movers, i // movers % self.stages, self.box // 4, int(seed))
            held[one] = held[one] + new if self.pattern == "reduce" else new


def content_of(block: int, slot: int, words: int, seed: int) -> Any:
    at = slot * words + np.arange(words, dtype=np.uint64)
    mixed = (seed + block * 0x9E3779B9 + at * 0x85EBCA6B) & 0xFFFFFFFF
    return (mixed * 0xC2B2AE35).astype(np.uint32)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boxes, "SPAN", {"dram": 1 << 20, "l2": 1 << 15})
    monkeypatch.setattr(boxes, "_MOVED", 1 << 20)
    monkeypatch.setattr(boxes, "_ROUNDS", 8)
    monkeypatch.setattr(maps, "install", lambda gpu, tensor, array: None)
    monkeypatch.setattr(boxes._maps, "install", lambda gpu, tensor, array: None)


def spoiled(memory: Any) -> None:
    memory.view(np.uint32)[::1024] += 1


@pytest.mark.parametrize("tier", ["dram", "l2"])
@pytest.mark.parametrize(
    ("pattern", "cluster", "tensor"),
    [
        ("load", 1, None),
        ("load", 1, {"dims": 3, "swizzle": 64}),
        ("load", 1, {"dims": 5}),
        ("multicast", 2, None),
        ("store", 1, None),
        ("reduce", 1, None),
    ],
)
def test_a_stream_is_verified(tier: str, pattern: str, cluster: int, tensor: dict[str, int] | None) -> None:
    gpu = FakeGpu(pattern, 1024, 2, cluster=cluster, swizzle=(tensor or {}).get("swizzle", 0))
    asked = {"pattern": pattern, "tier": tier, "box_bytes": 1024, "stages": 2, "cluster": cluster, "tensor": tensor}
    enqueue, work = boxes.Stream(gpu, **asked).work()
    enqueue()
    enqueue()
    (_, count), (second, _) = gpu.launches
    assert work["work"] == count * 1024
    assert second == (count if tier == "dram" and 2 * count <= 1024 else 0)
    assert work["verify"]()
    if pattern in ("load", "multicast"):
        gpu.spoil = spoiled
        assert not work["verify"]()


@pytest.mark.parametrize("tier", ["dram", "l2"])
@pytest.mark.parametrize("warps", [1, 4, 64])
def test_reads_by_threads_are_verified(tier: str, warps: int) -> None:
    gpu = FakeGpu("threads", 16, 4)
    enqueue, work = boxes.by_threads(gpu, tier=tier, warps=warps, unroll=4, vector=16, staged=False)
    enqueue()
    assert gpu.launches[0][1] % 4 == 0
    assert work["work"] == 16 * gpu.launches[0][1] * SMS * 32 * warps
    assert work["verify"]()


@pytest.mark.parametrize(("movers", "size", "stages"), [(132, 256, 1), (8, 16384, 4), (33, 4096, 4)])
def test_a_launch_is_long_enough_and_not_too_long(movers: int, size: int, stages: int) -> None:
    count = boxes.boxes_per_launch(movers, size, stages, most=1 << 20)
    assert count % movers == 0
    assert count // movers >= stages
    assert count * size <= 1 << 20
