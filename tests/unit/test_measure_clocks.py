"""Latencies in cycles are for one SM clock, however many the visits to a cell had."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.declaration import Samples
from gridstone.device import Reading
from gridstone.measure import Taken
from gridstone.measure.clocks import at_one_clock, clock

STEPS = st.sampled_from([1965.0, 1980.0, 1995.0, 2010.0])


@given(st.floats(5, 500), st.floats(0, 400), st.lists(STEPS, min_size=2, max_size=4))
def test_what_is_not_the_sms_own_is_brought_to_the_middle_clock(own, nanoseconds, pairs):
    mhz = [at for at in pairs for _ in range(2)]
    visits = [np.full(3, own + nanoseconds * 1e-3 * at) for at in mhz]
    held = float(np.quantile(mhz, 0.5, method="inverted_cdf"))
    for found in at_one_clock("cycle/hop", visits, mhz):
        assert found == pytest.approx(own + nanoseconds * 1e-3 * held, rel=1e-9)


def test_no_more_is_taken_for_the_clocks_than_all_of_a_latency_or_less_than_none():
    mhz = [1980.0, 1980.0, 1980.0, 1995.0, 1995.0]
    falling = at_one_clock("cycle/fence", [np.array([660.0])] * 3 + [np.array([650.0])] * 2, mhz)
    assert falling[3][0] - falling[0][0] < -10
    steep = at_one_clock("cycle/fence", [np.array([660.0])] * 3 + [np.array([690.0])] * 2, mhz)
    assert steep[3][0] - steep[0][0] > 30 - 660.0 / 1980.0 * 15


@pytest.mark.parametrize("count", [4, 6, 10])
def test_the_interval_is_no_narrower_for_the_line(count):
    rng = np.random.default_rng(count)
    mhz = [1980.0, 1995.0] * (count // 2)
    spreads = []
    for _ in range(400):
        visits = [np.array([value]) for value in rng.normal(600, 1, count)]
        spreads.append(np.concatenate(at_one_clock("cycle/hop", visits, mhz)).std(ddof=1))
    assert np.sqrt(np.mean(np.square(spreads))) > 0.93


def test_one_visit_at_another_clock_tells_no_slope():
    visits = [np.array([600.0])] * 5 + [np.array([604.0])]
    assert at_one_clock("cycle/hop", visits, [1980.0] * 5 + [1995.0])[5].tolist() == [604.0]


def test_differences_below_zero_are_left_alone():
    visits = [np.array([-1.0])] * 4
    assert np.concatenate(at_one_clock("cycle/hop", visits, [1980.0, 1980.0, 1400.0, 1400.0])).tolist() == [-1.0] * 4


def test_what_differs_beside_the_clock_stays():
    visits = [np.array([100.0]), np.array([103.0]), np.array([101.5]), np.array([104.5])]
    spread = np.concatenate(at_one_clock("cycle/hop", visits, [1980.0, 1980.0, 1995.0, 1995.0]))
    assert np.ptp(spread) >= 3.0


@pytest.mark.parametrize(
    ("unit", "mhz"),
    [
        ("B/s", [1980.0, 1995.0]),
        ("op/cycle", [1980.0, 1995.0]),
        ("cycle/hop", []),
        ("cycle/hop", [np.nan, 1995.0]),
        ("cycle/hop", [1980.0, 1995.0]),
        ("cycle/hop", [1979.0, 1980.0]),
    ],
)
def test_otherwise_samples_stay_as_they_were_taken(unit, mhz):
    visits = [np.array([1.0, 2.0]), np.array([3.0])]
    assert [found.tolist() for found in at_one_clock(unit, visits, mhz)] == [[1.0, 2.0], [3.0]]


def test_a_clock_counted_in_the_kernel_goes_before_one_that_the_driver_tells():
    told = Reading(sm_mhz=1980.0, mem_mhz=None, power_w=None, temperature_c=None, throttle=frozenset())
    counted = Taken(samples=Samples(sm_hz=np.array([1.995e9, np.nan, 1.995e9])), readings=(told,), verified=None)
    assert clock(counted) == 1995.0
    assert clock(Taken(samples=Samples(sm_hz=np.array([np.nan])), readings=(told,), verified=None)) == 1980.0
    assert np.isnan(clock(Taken(samples=Samples(), readings=(), verified=None)))
