"""Protocols of messages, found in sizes and times."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.fit.piecewise import regimes

_SIZES = 2.0 ** np.arange(0, 25)


@given(
    st.floats(3e-7, 1e-4),
    st.floats(1e8, 2e10),
    st.floats(1.5, 8.0),
    st.integers(10, 18),
    st.integers(0, 1000),
)
def test_the_switch_and_both_protocols_are_recovered(
    latency: float, bandwidth: float, dearer: float, switch: int, seed: int
) -> None:
    noise = np.exp(0.01 * np.random.default_rng(seed).standard_normal(_SIZES.size))
    eager = latency + _SIZES / (bandwidth / 3)
    at_switch = latency + 2.0**switch / (bandwidth / 3)
    rendezvous = dearer * at_switch + _SIZES / bandwidth
    found = regimes(_SIZES, np.where(2.0**switch >= _SIZES, eager, rendezvous) * noise)
    assert len(found) in (2, 3)
    assert found[0].latency == pytest.approx(latency, rel=0.05)
    assert found[-1].bandwidth == pytest.approx(bandwidth, rel=0.10)
    nearest = min(abs(math.log2(one.low) - (switch + 0.5)) for one in found[1:])
    assert nearest < 0.01


@given(st.floats(3e-7, 1e-3), st.floats(1e7, 2e10), st.integers(0, 1000))
def test_one_line_is_recovered(latency: float, bandwidth: float, seed: int) -> None:
    noise = np.exp(0.01 * np.random.default_rng(seed).standard_normal(_SIZES.size))
    found = regimes(_SIZES, (latency + _SIZES / bandwidth) * noise)
    assert found[0].latency == pytest.approx(latency, rel=0.05)
    assert found[-1].bandwidth == pytest.approx(bandwidth, rel=0.10) or latency * bandwidth > _SIZES[-1] / 4


def test_a_switch_is_seldom_seen_where_there_is_none() -> None:
    rng = np.random.default_rng(5)
    line = 1e-6 + _SIZES / 1e10
    found = [len(regimes(_SIZES, line * np.exp(0.02 * rng.standard_normal(_SIZES.size)))) for _ in range(100)]
    assert found.count(1) >= 97


def test_three_sizes_are_needed_and_enough() -> None:
    with pytest.raises(ValueError, match="2 sizes are too few"):
        regimes(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
    (only,) = regimes(np.array([1.0, 2.0, 4.0]), np.array([3.0, 3.0, 3.0]))
    assert only.bandwidth == math.inf
    assert only.latency == pytest.approx(3.0)


@pytest.mark.parametrize(("library", "eager", "rendezvous"), [("mpich", 6889, 8192), ("openmpi", 3444, 4096)])
@pytest.mark.parametrize("every", [1, 2, 4])
def test_the_switch_of_a_library_is_found_in_what_was_measured(
    library: str, eager: int, rendezvous: int, every: int
) -> None:
    lines = (Path(__file__).parent / "pingpong.csv").read_text().splitlines()
    rows = [line.split(",") for line in lines if line.startswith(f"{library},")][::every]
    size, seconds = (np.array([float(row[i]) for row in rows]) for i in (1, 2))
    found = regimes(size, seconds)
    below, above = size[size <= eager].max(), size[size >= rendezvous].min()
    (switch,) = [i for i, one in enumerate(found[1:]) if below < one.low < above]
    assert found[switch + 1].latency > 2 * found[switch].latency
