"""Chains at one place at a time: a sample is the mean over all places, at each of which both lengths run."""

from __future__ import annotations

import itertools
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from gridstone.clock import STAMP
from gridstone.content import folder, load_module

HZ = 2e9


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return load_module(folder("runners") / "placed_chains.py")


class Gpu:
    """A GPU whose chains take 100 + place cycles a step and 40 to begin; the time between launches is a millisecond."""

    multiprocessors = 8

    def __init__(self) -> None:
        self.bench = SimpleNamespace(slot=lambda number: number, stamps=self.stamps, forget_stamps=self.forget)
        self.memory = np.zeros(64, STAMP)
        self.places: list[int] = []
        self.samples: list[int] = []
        self.now = 0.0
        self.fault = 0

    def launch(self, place: int, sample: int, length: int, slot: int) -> None:
        self.places.append(place)
        self.samples.append(sample)
        self.now += 1e-3
        begin, spent = round(self.now * HZ), 40 + length * (100 + place)
        self.memory[slot] = (begin, begin + spent, round(self.now * 1e9), 0, length + self.fault, place, 0)

    def forget(self) -> None:
        self.memory.view(np.uint8)[:] = 0xFF

    def stamps(self, count: int) -> np.ndarray:
        return self.memory[:count].copy()


def test_a_sample_is_the_mean_over_all_places(module: ModuleType) -> None:
    gpu = Gpu()
    work = module.chain(gpu, launch=gpu.launch, lengths=(16, 80), expect=lambda length: length, places=12)
    taken = work.clock.take(3)
    assert gpu.samples == [sample for sample in range(3) for _ in range(24)]
    work.clock.take(1)
    assert gpu.samples[-1] == 3
    gpu.places = gpu.places[:72]
    visited = np.array(gpu.places).reshape(3, 12, 2)
    assert (visited[..., 0] == visited[..., 1]).all()  # both lengths at one place
    assert [sorted(sample) for sample in visited[..., 0].tolist()] == 3 * [list(range(12))]
    assert taken.cycles == pytest.approx(3 * [100 + 5.5])
    assert taken.observed["sms"].tolist() == 3 * [12]
    assert taken.sm_hz == pytest.approx(HZ) and taken.seconds == pytest.approx(taken.cycles / HZ)
    assert work.verify()


def test_places_that_share_an_sm_are_counted_once(module: ModuleType) -> None:
    gpu = Gpu()
    work = module.chain(
        gpu, launch=lambda place, *rest: gpu.launch(place // 2, *rest), lengths=(16, 80), expect=None, places=12
    )
    assert work.clock.take(2).observed["sms"].tolist() == [6, 6]


def test_a_wrong_result_at_any_place_is_told(module: ModuleType) -> None:
    gpu = Gpu()
    work = module.chain(gpu, launch=gpu.launch, lengths=(16, 80), expect=lambda length: length, places=3)
    gpu.fault = 1
    work.clock.take(1)
    gpu.fault = 0
    work.clock.take(1)
    assert not work.verify()
    right = module.chain(gpu, launch=gpu.launch, lengths=(16, 80), expect=lambda n: n, places=3, verify=lambda: False)
    right.clock.take(1)
    assert not right.verify()


@pytest.mark.parametrize("lost", [3, 23])
def test_a_launch_that_leaves_no_stamp_is_noticed_in_any_sample(module: ModuleType, lost: int) -> None:
    gpu, launches = Gpu(), itertools.count()
    gpu.forget()

    def launch(*of_launch: int) -> None:
        if next(launches) != lost:
            gpu.launch(*of_launch)

    work = module.chain(gpu, launch=launch, lengths=(16, 80), expect=None, places=4)
    with pytest.raises(RuntimeError, match="a launch left no stamp"):
        work.clock.take(3)


@pytest.mark.parametrize("places", [1, 2, 66, 78, 108, 114, 132, 148])
def test_turns_lie_evenly_over_all_places(module: ModuleType, places: int) -> None:
    step = module.spread(places)
    assert sorted(turn * step % places for turn in range(places)) == list(range(places))
    for few in (4, 8, 32):
        if few <= places // 2:
            taken = np.sort(np.arange(few) * step % places)
            gaps = np.diff([*taken, taken[0] + places])
            assert gaps.max() <= 3 * places / few
