"""Levels of a ladder: found where they are, named by nobody, and not found where there are none."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.report.plateau import plateaus

FOOTPRINTS = [1024 * 2 ** (i / 8) for i in range(161)]


def _stairs(levels: list[float], edges: list[int]) -> list[float]:
    bounds = [0, *edges, len(FOOTPRINTS)]
    return [level for level, a, b in zip(levels, bounds, bounds[1:], strict=False) for _ in range(b - a)]


@given(
    levels=st.lists(st.floats(1.3, 4.0), min_size=1, max_size=4),
    widths=st.lists(st.integers(16, 30), min_size=4, max_size=4),
    seed=st.integers(0, 2**16),
)
def test_noisy_stairs_give_back_their_steps(levels: list[float], widths: list[int], seed: int) -> None:
    heights = np.cumprod([30.0, *levels[1:]]).tolist()
    edges = np.cumsum(widths).tolist()[: len(heights) - 1]
    clean = np.array(_stairs(heights, edges))
    noisy = clean * (1 + np.random.default_rng(seed).normal(0, 0.004, clean.size))
    found = plateaus(FOOTPRINTS, noisy.tolist())
    assert [p.value for p in found] == pytest.approx(heights, rel=0.01)
    assert all(a.end < b.start for a, b in pairwise(found))


def test_an_outlier_does_not_split_a_level() -> None:
    values = _stairs([32.0, 260.0], [70])
    values[30] = 55.0
    assert [round(p.value) for p in plateaus(FOOTPRINTS, values)] == [32, 260]


def test_a_steady_climb_has_no_level() -> None:
    assert plateaus(FOOTPRINTS, [30 * 1.05**i for i in range(len(FOOTPRINTS))]) == []


def test_steps_that_hardly_differ_are_one_level() -> None:
    (only,) = plateaus(FOOTPRINTS, _stairs([200.0, 216.0], [80]))
    assert (only.start, only.end) == (FOOTPRINTS[0], FOOTPRINTS[-1])


def test_too_few_points_say_nothing() -> None:
    assert plateaus([1024.0, 2048.0], [30.0, 30.0]) == []
