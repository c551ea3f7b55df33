"""Walks of several SMs: rings that move, pages that are few while lines are many, and means over places."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gridstone import content
from gridstone.clock import STAMP, Work
from gridstone.declaration import Samples, Unavailable

walks: Any = content.load_module(content.folder("runners") / "cupy_walks.py")
averages: Any = content.load_module(content.folder("runners") / "averages.py")
BASE = 1 << 40


class Gpu:
    """Memory at made-up addresses; support kernels are noted."""

    multiprocessors = 132
    facts = SimpleNamespace(l2=50 << 20)

    def __init__(self) -> None:
        self.calls: list[tuple[str, int, list[Any]]] = []
        self.held: list[np.ndarray] = []

    def alloc(self, size: int) -> Any:
        gpu = self

        class Held:
            data = SimpleNamespace(ptr=BASE)
            nbytes = size

            def view(self, kind: Any) -> Any:
                return self

            def set(self, values: np.ndarray) -> None:
                gpu.held.append(values.copy())

        return Held()

    def support(self, file: str, name: str, grid: int, block: int, args: list[Any]) -> None:
        self.calls.append((name, grid, args))


def test_rings_move_and_walks_go_on_where_the_last_one_ended() -> None:
    gpu = Gpu()
    rings = walks.Rings(gpu, count=64, stride=128, walkers=5)
    starts = set()
    for _ in range(4):
        rings.lay()
        first, middle = rings.step(10)
        second, _ = rings.step(3)
        assert second == middle
        base = gpu.calls[-1][2][0]
        assert 0 <= first - base < 64 * 128 and (first - base) % 128 == 0
        starts.add(base)
    assert len(starts) > 1
    assert all(grid == 5 for _, grid, _ in gpu.calls)


@pytest.mark.parametrize("footprint", [8 << 10, 28 << 10, 256 << 10, 260 << 10])
def test_rings_start_at_all_kinds_of_lines_and_do_not_overlap(footprint: int) -> None:
    rings = walks.Rings(Gpu(), count=footprint // 128, stride=128, walkers=100)
    assert rings.pitch >= footprint
    places = np.sort(np.arange(100) * rings.pitch // 128 % 2048)
    assert np.diff(places).max() < 3 * 2048 / 100


def test_rings_lie_as_far_apart_as_is_asked_for() -> None:
    assert walks.Rings(Gpu(), count=16, stride=1 << 20, walkers=4, pitch=37 * 128).pitch == 37 * 128


@pytest.mark.parametrize(("count", "stride"), [(8, 2 << 20), (96, 16 << 20), (6144, 2 << 20), (16, 64 << 10)])
def test_pages_are_met_in_turn_and_no_line_twice(count: int, stride: int) -> None:
    gpu = Gpu()
    pages = walks.Pages(gpu, count=count, stride=stride, least=4096)
    pages.lay()
    places = gpu.held[-1].astype(np.int64) - BASE
    moved = places.min() // (2 << 20) * (2 << 20)
    places -= moved
    assert 0 <= moved < walks.PAGES_ROOM
    assert pages.count == places.size >= min(4096, count * min(stride, 2 << 20) // 128)
    assert np.unique(places).size == places.size
    page = places // stride
    assert np.unique(page).size == count
    assert (page[: places.size - count] == page[count:]).all()
    assert (places % stride < 2 << 20).all() and (places % 128 == 0).all()
    start, end = pages.step(5)
    assert [start - BASE - moved, end - BASE - moved] == [places[0], places[5]]


POISONED: list[int] = []


def clock(room: np.ndarray, results: Callable[[int], list[int]]) -> Any:
    """A SpreadClock of three walkers whose hops take 30, 32 and 34 cycles, and whose clock costs 40.

    results(hops): where the walkers end after so many.
    """
    short, long = 16, 80
    gpu = SimpleNamespace(
        multiprocessors=132,
        alloc=lambda size: SimpleNamespace(get=lambda: room.view(np.uint8).copy()),
        memset=lambda array, value: POISONED.append(value),
    )

    def launch(stamps: Any) -> list[int]:
        per_hop = np.array([30, 32, 34], np.uint64)
        room["brief"], room["c1"] = 40 + short * per_hop, room["c0"] + 40 + long * per_hop
        room["g1"] = room["g0"] + room["c1"] // 2
        room["result"] = results(short + long)
        return [short + long] * 3

    return walks.spread(gpu, launch=launch, lengths=(short, long), walkers=3, before=lambda: None)


def test_a_sample_is_the_mean_over_walkers() -> None:
    room = np.zeros(3, STAMP)
    room["smid"] = [1, 2, 3]
    work = clock(room, lambda length: [length] * 3)
    assert POISONED.pop() == 0xFF  # stamps of a walk before are gone
    taken = work.clock.take(4)
    assert taken.cycles == pytest.approx([32.0] * 4)
    assert taken.observed["latency_median"] == pytest.approx([32.0] * 4)
    assert work.verify() is True


def test_a_walk_that_ends_elsewhere_is_not_verified() -> None:
    room = np.zeros(3, STAMP)
    room["smid"] = [1, 2, 3]
    work = clock(room, lambda length: [length, length, length + 1])
    work.clock.take(1)
    assert work.verify() is False


def test_walkers_on_one_sm_are_refused() -> None:
    room = np.zeros(3, STAMP)
    room["smid"] = [1, 2, 2]
    with pytest.raises(Unavailable, match="SM each"):
        clock(room, lambda length: [length] * 3).clock.take(1)


def test_averages_go_through_all_places() -> None:
    turns = iter(range(100))

    def take(count: int) -> Samples:
        assert count == 1
        value = np.array([float(next(turns) % 5)])
        return Samples(cycles=value, seconds=value, sm_hz=np.array([np.nan if value[0] else 1e9]))

    work = averages.averaged(Work(clock=SimpleNamespace(take=take)), 5)
    taken = work.clock.take(3)
    assert taken.cycles == pytest.approx([2.0] * 3)
    assert taken.sm_hz == pytest.approx([1e9] * 3)


def test_a_quarter_of_l2_holds_all_that_is_walked_at_once() -> None:
    gpu = Gpu()
    assert walks.walkers(gpu, 8 << 10) == 132
    assert walks.walkers(gpu, 256 << 10) == 50
    assert walks.walkers(gpu, 1 << 30) == 1
    assert walks.walkers(gpu, 128, 32) == 32
