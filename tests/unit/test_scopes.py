"""Fences and barriers of a grid on stand-ins for their kernels: which lines they touch, and what must be noticed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import device_stand_in
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_probes import H200, HOST_ONLY

from gridstone import content
from gridstone.clock import STAMP, Work
from gridstone.declaration import Machine

LINE, PIECE = 128, 4096  # bytes; those of a piece may lie near one another in L2
scopes: Any = content.load_module(content.folder("runners") / "scopes.py")
codes: Any = content.load_module(content.folder("runners") / "contention_codes.py")


def device(multiprocessors: int, cell: Callable[[Any, int, list[Any]], int]) -> Any:
    """A GPU whose kernel is cell(gpu, grid, args but the stamp), which returns the `result`."""
    stamps = np.zeros(4096, STAMP)

    def run(grid: int, args: Any) -> None:
        *passed, slot = args
        stamps[slot]["result"] = cell(gpu, grid, passed)

    gpu = device_stand_in.Gpu(run)
    gpu.multiprocessors = multiprocessors
    gpu.bench = SimpleNamespace(
        slot=lambda number: number, stamps=lambda count: stamps[:count].copy(), forget_stamps=lambda: None
    )
    gpu.base = 0
    taken = gpu.alloc

    def alloc(size: int) -> Any:
        held = taken(size)
        gpu.base, gpu.size = held.data.ptr, size
        return held

    gpu.alloc = alloc
    return gpu


@pytest.fixture(autouse=True)
def no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes._sms, "most_shared", lambda gpu: 0)


class Fences:
    """fence_chain.cu: the lines of each launch, from the start of the memory on, and what it leaves."""

    def __init__(self, lost: int = -1) -> None:
        source = (content.folder("kernels_cuda") / "contention" / "fence_chain.cu").read_text()
        found = re.search(r"APART = 32 \* (\d+);", source)
        assert found is not None
        self.apart, self.lost = int(found[1]), lost
        self.launches: list[Any] = []
        self.places: list[int] = []

    def __call__(self, gpu: Any, grid: int, args: list[Any]) -> int:
        memory, chosen, steps = args
        assert 0 <= chosen < grid
        self.places.append(int(chosen))
        first = (memory.data.ptr - gpu.base) // LINE
        lines = first + self.apart * np.arange(steps)
        assert (lines + 1).max() * LINE <= gpu.size
        self.launches.append(lines)
        return 0 if len(self.launches) == self.lost else int(steps) - 1


@pytest.mark.parametrize("multiprocessors", [10, 58, 108, 132, 148, 188])
@pytest.mark.parametrize("more", [16, 96])
def test_each_chain_of_fences_has_lines_of_its_own_all_over_l2(multiprocessors: int, more: int) -> None:
    fences = Fences()
    assert fences.apart == scopes._APART
    work: Work = scopes.fence(device(multiprocessors, fences), stores=True, more=more)
    work.clock.take(6)
    assert work.verify is not None and work.verify()
    chains = [lines for lines in fences.launches if len(lines) > 16]
    assert len({lines[0] for lines in chains}) == 6 * multiprocessors
    for lines in chains:
        assert len(np.unique(lines * LINE // PIECE)) == len(lines)


def test_where_lines_lie_is_not_in_the_mean_of_a_visit() -> None:
    """Each piece is in one of two halves of L2, by chance, the SMs unevenly so; a store to the other takes 200 more."""
    fences, rng = Fences(), np.random.default_rng(0)
    scopes.fence(device(132, fences), stores=True, more=96).clock.take(5)
    lines = np.array([lines[16:] for lines in fences.launches if len(lines) > 16])
    in_one = np.array([place < 56 for place in fences.places[1::2]])[:, None]
    halves = rng.integers(0, 2, (40, lines.max() * LINE // PIECE + 1)).astype(bool)
    visits = [200 * (half[lines * LINE // PIECE] ^ in_one).mean() for half in halves]
    assert np.std(visits) < 0.5
    at_one_place = [200 * (half[0] ^ in_one).mean() for half in halves]
    assert np.std(at_one_place) > 5


def test_a_fence_whose_store_is_lost_is_noticed() -> None:
    work: Work = scopes.fence(device(4, Fences(lost=11)), stores=True, more=64)
    work.clock.take(2)
    assert work.verify is not None and not work.verify()


class Barriers:
    """grid_barrier.cu: the counters, in the memory itself. `late`: the launch one of whose blocks gives up once."""

    def __init__(self, late: int = -1) -> None:
        self.late, self.launches, self.used = late, 0, Counter[int]()
        self.counters: Counter[int] = Counter()
        self.met: list[frozenset[int]] = []

    def __call__(self, gpu: Any, grid: int, args: list[Any]) -> int:
        memory, apart, bits, first, count, factor, offset, steps = args
        blocks = [b for b in range(grid) if (b + grid - int(offset)) * int(factor) % grid < count]
        assert len(blocks) == count and int(offset) in blocks  # the block of turn 0 stamps
        self.met.append(frozenset(blocks))
        start, passed = memory.data.ptr - gpu.base, 0
        for i in range(int(first), int(first) + int(steps)):
            at = start + int(apart) * (i % 2 ** int(bits))
            assert at % LINE == 0 and at + 4 <= gpu.size
            self.used[at // LINE] += 1
            self.counters[at] += int(count) - (self.launches == self.late and i == first)
            passed += self.counters[at] == (i // 2 ** int(bits) + 1) * int(count)
        self.launches += 1
        return passed


@settings(max_examples=25, deadline=None)
@given(grid=st.integers(2, 40), share=st.floats(0, 1), samples=st.integers(1, 5))
def test_counters_of_a_grid_stay_in_step_while_the_lines_move_on(grid: int, share: float, samples: int) -> None:
    barriers = Barriers()
    work: Work = scopes.grid_barrier(device(grid, barriers), count=max(2, round(share * grid)))
    for _ in range(samples):
        work.clock.take(1)
    assert work.verify is not None and work.verify()
    ahead, each = 1, 4  # times that a line is met on: before all samples, and by the chains of the sample that has it
    of_sample, unused = codes.MEETING_LINES * grid, codes.MEETING_SAMPLES - samples
    lines, rest = of_sample * samples, of_sample * unused
    assert Counter(barriers.used.values()) == Counter({ahead + each: lines, ahead: rest})
    met = Counter(block for blocks in barriers.met for block in blocks)
    assert len(met) == grid and len(set(met.values())) == 1  # and all SMs


def test_a_block_that_gives_up_is_noticed() -> None:
    work: Work = scopes.grid_barrier(device(6, Barriers(late=3)), count=4)
    work.clock.take(1)
    assert work.verify is not None and not work.verify()


def test_a_launch_meets_on_lines_all_over_l2() -> None:
    seen: list[Any] = []

    def note(gpu: Any, grid: int, args: list[Any]) -> int:
        memory, apart, bits, *_, steps = args
        seen.append((memory.data.ptr - gpu.base + int(apart) * np.arange(2 ** int(bits))) // PIECE)
        return int(steps)

    for multiprocessors in (58, 108, 132, 148, 188):
        scopes.grid_barrier(device(multiprocessors, note), count=2).clock.take(1)
    assert all(len(np.unique(pieces)) == codes.MEETING_LINES for pieces in seen)


def test_the_lines_of_a_grid_take_as_much_memory_as_is_asked_for() -> None:
    for multiprocessors in (2, 14, 132, 188):
        meets = Barriers()
        gpu = device(multiprocessors, meets)
        scopes.grid_barrier(gpu, count=2)
        assert gpu.size == codes.meeting_bytes(multiprocessors)
        assert (max(meets.used) + 1) * LINE <= gpu.size


@pytest.mark.parametrize(("multiprocessors", "memory", "able"), [(14, 2 << 30, True), (132, 2 << 30, False)])
def test_a_small_gpu_needs_less_memory_for_a_barrier_of_its_grid(multiprocessors: int, memory: int, able: bool) -> None:
    small = Machine(
        host="h", cpu="c", cores=2, memory=1 << 34, gpu=replace(H200, memory=memory, multiprocessors=multiprocessors)
    )
    assert (codes.place_to_meet.missing(small, {}) is None) is able
    assert codes.place_to_meet.missing(HOST_ONLY, {}) is None  # that there is no GPU is said already
