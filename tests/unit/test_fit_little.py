"""Little's law fitted: what was put in comes out, and curves that cannot tell are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridstone.fit.little import Little, little

IN_FLIGHT = 2.0 ** np.arange(9, 18)


def law(latency: float, peak: float, sharpness: float) -> Little:
    nothing = {"latency_lo": 0.0, "latency_hi": 0.0, "peak_lo": 0.0, "peak_hi": 0.0, "error": 0.0}
    return Little(latency=latency, peak=peak, sharpness=sharpness, **nothing)


@given(
    latency=st.floats(250, 1500),
    knee=st.floats(3e3, 4e4),
    sharpness=st.floats(1.2, 8),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=40, deadline=None)
def test_latency_and_peak_come_out_again(latency: float, knee: float, sharpness: float, seed: int) -> None:
    true = law(latency, knee / latency, sharpness)
    noise = np.random.default_rng(seed).normal(1, 0.003, IN_FLIGHT.size)
    found = little(IN_FLIGHT, np.array([true.rate(x) for x in IN_FLIGHT]) * noise)
    assert found.latency == pytest.approx(latency, rel=0.06)
    assert found.peak == pytest.approx(true.peak, rel=0.06)
    assert found.latency_lo <= found.latency <= found.latency_hi
    assert found.error < 0.01


@given(latency=st.floats(100, 2000), peak=st.floats(1, 100), sharpness=st.floats(1, 16), share=st.floats(0.05, 0.97))
def test_what_is_needed_gives_what_was_asked(latency: float, peak: float, sharpness: float, share: float) -> None:
    one = law(latency, peak, sharpness)
    assert one.rate(one.needed(share)) == pytest.approx(share * peak, rel=1e-6)
    assert one.rate(1.0) <= min(1 / latency, peak) * (1 + 1e-9)


def test_a_curve_without_a_bend_is_refused() -> None:
    with pytest.raises(ValueError, match="level off"):
        little(IN_FLIGHT, IN_FLIGHT / 600)
    with pytest.raises(ValueError, match="no latency"):
        little(IN_FLIGHT, np.full(IN_FLIGHT.size, 25.0))
    with pytest.raises(ValueError, match="at least 5"):
        little(IN_FLIGHT[:4], IN_FLIGHT[:4] / 600)
    with pytest.raises(ValueError, match="share"):
        law(600, 20, 3).needed(1.0)
