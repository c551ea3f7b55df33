"""Chains of atomics over lines of global memory: other lines in every sample, verified by what is left in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from device_stand_in import Gpu

from gridstone import content

chains: Any = content.load_module(content.folder("runners") / "atomic_chains.py")
atomics: Any = content.load_module(content.folder("runners") / "cupy_atomics.py")
NEAR, FAR = 290, 490


@pytest.mark.parametrize("idle", [False, True])
def test_lines_near_and_far_are_told_apart_and_verified(idle: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chains, "_SLACK", 1 << 20)
    places = []

    def lines(grid: int, args: Sequence[Any]) -> None:
        memory, stride, count, *given, spent, left = args
        places.append(memory.data.ptr)
        assert grid * int(count) * int(stride) <= memory.nbytes
        spent.set(np.where(np.arange(grid * int(count)) % 2, 8 * NEAR, 8 * FAR).astype(np.uint32))
        if not idle:
            left.set(
                np.tile(np.array(atomics.after("cas", "u64", tuple(map(int, given)), 24), np.uint64), grid * int(count))
            )

    work = chains.global_latency(Gpu(lines), function="cas", dtype="u64")
    work.poison()
    taken = work.clock.take(4).observed
    assert taken["latency_near"].tolist() == [NEAR] * 4 and taken["latency_far"].tolist() == [FAR] * 4
    assert taken["latency"].tolist() == [(NEAR + FAR) / 2] * 4
    assert len(set(places)) > 1
    assert work.verify() is not idle
