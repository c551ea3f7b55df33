"""The parts of co-run loads that need no GPU: shares of a common stretch, and what a warp's lanes sum up."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone import content

RUNNERS = content.folder("runners")
side = content.load_module(RUNNERS / "side_by_side.py")


@given(
    fast=st.floats(1e-5, 1e-3),
    slow=st.floats(1e-5, 1e-3),
    late=st.floats(0, 1e-4),
    units=st.integers(20, 100),
)
def test_rates_are_those_of_the_stretch_that_both_share(fast: float, slow: float, late: float, units: int) -> None:
    times = [np.arange(units + 1) * fast, late + np.arange(units + 1) * slow]
    if min(t[-1] for t in times) <= late:
        return
    found = side.shared_rates(times)
    np.testing.assert_allclose(found, [1 / fast, 1 / slow], rtol=1e-6)


def test_a_load_that_speeds_up_when_the_other_is_done_counts_only_until_then() -> None:
    beside = np.concatenate([np.arange(11) * 2.0, 20 + np.arange(1, 11) * 1.0])
    other = np.arange(11) * 2.0
    np.testing.assert_allclose(side.shared_rates([beside, other]), [0.5, 0.5])


def test_loads_that_take_turns_count_over_the_whole_stretch() -> None:
    assert side.shared_rates([np.array([0.0, 1.0]), np.array([1.0, 1.5, 2.0])]) == [0.5, 1.0]


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """runners/loads.py, whose neighbours need cuda-core alone."""
    pytest.importorskip("cuda.core")
    return content.load_module(Path(RUNNERS / "loads.py"))


def test_the_lanes_sums_are_those_of_the_whole_product(loads: types.ModuleType) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.choice([-1, 1], (64, 64)), rng.choice([-1, 1], (32, 64))
    sums = loads.lane_sums(a, b)
    assert sums.sum() == (a @ b.T).sum()
    product = a @ b.T
    assert sums[5] == product[1::8][:, [c for n in range(4) for c in (8 * n + 2, 8 * n + 3)]].sum()


def test_words_of_tables_are_the_high_halves_of_multiples(loads: types.ModuleType) -> None:
    places = [0, 1, 2, 12345, 2**31]
    expected = [(p * 0x9E3779B97F4A7C15 % 2**64) >> 32 for p in places]
    assert loads.words_at(places).tolist() == expected
    assert "cupy" not in sys.modules
