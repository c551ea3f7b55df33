"""Chains of loads some stride apart: laid elsewhere in every sample, verified by the row where they end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from device_stand_in import Gpu

from gridstone import content
from gridstone.clock import STAMP

strides: Any = content.load_module(content.folder("runners") / "strides.py")
STEP = 33


@pytest.mark.parametrize("source", ["shared", "global"])
@pytest.mark.parametrize("amiss", [0, 1])
def test_lanes_end_in_the_row_that_the_steps_lead_to(source: str, amiss: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strides, "_SLACK", 1 << 16)
    places: list[tuple[int, int]] = []

    def chase(grid: int, args: Sequence[Any]) -> None:
        memory, pitch, _, brief, steps, stamps = args
        assert grid * int(pitch) <= memory.nbytes
        places.append((memory.data.ptr, grid))
        row = 0
        for _ in range(3 + int(brief) + int(steps) + amiss):
            row = (row + 1) % 3
        one = (0, 20 + int(steps) * STEP, 0, 10**6, 32 * row, 0, 20 + int(brief) * STEP)
        taken = np.array([one] * grid, STAMP)
        taken["smid"] = np.arange(grid)
        stamps.set(taken.view(np.uint8))

    gpu = Gpu(chase)
    work = strides.latency(gpu, source=source, stride=16)
    assert work.clock.take(5).cycles == pytest.approx([STEP] * 5)
    assert work.verify() is (amiss == 0)
    assert len(set(places)) > 1 and {grid for _, grid in places} == {1 if source == "shared" else gpu.multiprocessors}
