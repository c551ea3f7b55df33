"""The work of matrix instructions on a GPU that is played: what is launched, and which results are believed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gridstone.clock import STAMP, Work
from gridstone.content import folder, load_module

work = load_module(folder("runners") / "mma_work.py")
bench = load_module(folder("bench") / "mma.py")
BYTES = bench.Shape("s8", "s8", "s32", 16, 32)
SMS = 3


class Memory(np.ndarray):
    """Device memory as CuPy shows it."""

    def set(self, values: Any) -> None:
        self[...] = values

    def get(self) -> Any:
        return np.array(self)


class Gpu:
    """Runs the kernel of mma/sync.cu on integers, whose tiles hold the D that must come out."""

    def __init__(self, *, computes: bool = True, wrong: int = 0) -> None:
        self.multiprocessors = SMS
        self.facts = SimpleNamespace(compute_capability=(9, 0))
        self.kernel = "probe"
        self.computes, self.wrong = computes, wrong
        self.launches: list[tuple[int, int, int]] = []
        self.stamped = np.zeros(SMS, dtype=STAMP)
        self.bench = SimpleNamespace(slot=lambda number: number, stamps=lambda count: self.stamped[:count])

    def alloc(self, size: int) -> Any:
        return np.full(size, 7, dtype=np.uint8).view(Memory)

    def memset(self, array: Any, value: int) -> None:
        array.view(np.uint8)[...] = value

    def synchronize(self) -> None: ...

    def enqueue(self, kernel: str, grid: int, block: int, args: list[Any]) -> None:
        words, metadata, left, steps, slot = args
        assert kernel == "probe" and metadata.size == 32 and slot in (0, 1024) and steps % work.UNROLL == 0
        self.launches.append((grid, block, int(steps)))
        self.stamped["result"] = self.wrong
        if self.computes:
            d = np.asarray(words)[-4 * 32 :]
            held = np.asarray(left).view(np.uint32)
            count = block // 32 * self.ilp
            held[: count * d.size] = np.tile(d, count)

    def chain(self, *, args: Any, lengths: tuple[int, int], block: int, before: Any, expect: Any) -> Work:
        self.ilp = 1
        before()
        for length in lengths:
            self.enqueue(self.kernel, 1, block, [*args(length), np.uint32(length), 0])
        asked = expect()
        return Work(clock=SimpleNamespace(), verify=lambda: [self.wrong] * 2 == asked)

    def fill(self, *, block: int, args: list[Any], work: float) -> Work:
        self.enqueue(self.kernel, self.multiprocessors, block, [*args, 0])
        self.work = work
        return Work(clock=SimpleNamespace())


def test_a_chain_runs_at_two_lengths_and_then_one_tile() -> None:
    gpu = Gpu()
    made = work.chain(gpu, BYTES)
    assert made.verify() is True
    assert gpu.launches == [(gpu.multiprocessors, 32, 16), (1, 32, 256), (1, 32, 1280), (1, 32, 16)]


def test_a_full_gpu_counts_the_operations_of_all_warps() -> None:
    gpu = Gpu()
    gpu.ilp = 4
    made = work.fill(gpu, BYTES, warps=16, ilp=4, steps=320)
    assert made.verify() is True
    assert gpu.launches == [(SMS, 512, 320), (1, 512, 16)]
    assert gpu.work == SMS * 16 * 4 * 320 * 2 * 16 * 8 * 32


@pytest.mark.parametrize("fault", [{"computes": False}, {"wrong": 1}])
def test_what_is_not_computed_is_not_believed(fault: dict[str, Any]) -> None:
    gpu = Gpu(**fault)
    gpu.ilp = 2
    assert work.fill(gpu, BYTES, warps=4, ilp=2, steps=16).verify() is False
    assert work.chain(Gpu(**fault), BYTES).verify() is False


@pytest.mark.parametrize("shape", sorted(bench.FLOATS | bench.INTEGERS), ids=lambda s: "-".join(map(str, s)))
def test_a_launch_takes_neither_too_long_nor_no_time(shape: Any) -> None:
    gpu = Gpu()
    warps, gpu.ilp = bench.saturating(shape)
    taken: list[int] = []
    gpu.fill = lambda *, block, args, work: taken.append(int(args[-1])) or Work(clock=SimpleNamespace())  # type: ignore
    bench.fill(gpu, shape, warps=warps, ilp=gpu.ilp)
    assert taken[0] % work.UNROLL == 0 and 64 <= taken[0] <= 10_000
