"""Pairs of loads: laid elsewhere in every turn, and verified by where both loads go."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from device_stand_in import Gpu

from gridstone import content

second: Any = content.load_module(content.folder("runners") / "second_loads.py")
MISS, SECOND, HIT = 300, 290, 40


class Stretches:
    """Stretches as support/ring.cu lays them, and cache/pairs.cu, whose loads take what they take."""

    def __init__(self, astray: bool = False) -> None:
        self.laid: list[int] = []
        self.flushed = 0
        self._astray = astray
        self._held: Any = None

    def lay(self, grid: int, args: Sequence[Any]) -> None:
        memory, step, offset, count = args
        assert int(count - 1) * int(step) + int(offset) + 8 <= memory.nbytes
        self.laid.append(memory.data.ptr)

    def load(self, grid: int, args: Sequence[Any]) -> None:
        memory, _, _, count, _, spent = args
        assert memory.data.ptr == self.laid[-1] and len(self.laid) == self.flushed
        spent.set(np.tile(np.array([MISS, SECOND, HIT, not self._astray], np.uint32), grid * int(count)))

    def flush(self) -> None:
        self.flushed += 1


def test_every_turn_has_a_place_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "_SLACK", 1 << 20)
    stretches = Stretches()
    gpu = Gpu(stretches.load, lay_pairs=stretches.lay)
    work = second.pairs(gpu, step=512, offset=64, count=16, blocks=64, turns=3, before=stretches.flush)
    work.poison()
    taken = work.clock.take(2).observed
    assert (
        taken["latency_first"].tolist() == [MISS - HIT] * 2 and taken["latency_second"].tolist() == [SECOND - HIT] * 2
    )
    assert work.verify() and len(stretches.laid) == 6 and len(set(stretches.laid)) > 1


def test_loads_that_go_astray_are_not_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "_SLACK", 1 << 20)
    stretches = Stretches(astray=True)
    gpu = Gpu(stretches.load, lay_pairs=stretches.lay)
    work = second.pairs(gpu, step=512, offset=64, count=16, blocks=4, before=stretches.flush)
    work.clock.take(1)
    assert not work.verify()


@pytest.mark.parametrize("offset", [4, 60, 128, 252])
def test_pairs_of_constant_memory_lead_to_each_other_wherever_they_start(
    offset: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = SimpleNamespace(get_kernel=lambda name: name)
    monkeypatch.setattr(second, "ObjectCode", SimpleNamespace(from_cubin=lambda cubin: loaded))
    starts = set()

    def load(grid: int, args: Sequence[Any]) -> None:
        first, step, beyond, count, _, spent = args
        starts.add(int(first))
        words = gpu.constants["ring"].ravel()
        places = int(first) + int(step) * np.arange(int(count))
        seconds = words[places // 4].astype(np.int64)
        went = (seconds == places + int(beyond)) & (words[seconds // 4] == seconds)
        spent.set(np.zeros(spent.words.size, np.uint32))
        rows = np.stack([np.full(places.size, c) for c in (MISS, SECOND, HIT)] + [went], axis=1)
        spent.words[: rows.size] = rows.ravel()

    gpu = Gpu(load)
    work = second.constant_pairs(gpu, offset=offset)
    taken = work.clock.take(6).observed
    assert taken["latency_first"].tolist() == [MISS - HIT] * 6
    assert work.verify() and len(starts) > 1


def test_without_a_flush_the_same_loads_come_twice_and_the_second_ones_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(second, "_SLACK", 1 << 20)
    laid: list[int] = []
    seen: list[int] = []

    def lay(grid: int, args: Sequence[Any]) -> None:
        laid.append(args[0].data.ptr)

    def load(grid: int, args: Sequence[Any]) -> None:
        memory, _, _, count, _, spent = args
        assert memory.data.ptr == laid[-1]
        first = MISS if memory.data.ptr in seen else 2 * MISS
        seen.append(memory.data.ptr)
        spent.set(np.tile(np.array([first, SECOND, HIT, 1], np.uint32), grid * int(count)))

    work = second.pairs(Gpu(load, lay_pairs=lay), step=512, offset=32, count=4, blocks=2)
    assert work.clock.take(3).observed["latency_first"].tolist() == [MISS - HIT] * 3
