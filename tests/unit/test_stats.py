"""Medians, their intervals, and the stopping rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridstone.stats import PROFILES, Estimate, Stopping, estimate, finite

samples = st.lists(st.floats(min_value=1e-9, max_value=1e12), min_size=1, max_size=40)


@settings(deadline=None, max_examples=40)
@given(samples)
def test_the_interval_holds_the_median_and_lies_within_the_samples(values: list[float]) -> None:
    found = estimate(values)
    assert found.lo <= found.value <= found.hi
    assert min(values) <= found.lo
    assert found.hi <= max(values)
    assert found.n == len(values)


def test_the_same_samples_give_the_same_interval() -> None:
    values = np.random.default_rng(1).normal(10, 1, 50)
    assert estimate(values) == estimate(values.tolist())


def test_more_samples_narrow_the_interval() -> None:
    values = np.random.default_rng(2).normal(10, 1, 800)
    assert estimate(values).relative_width < estimate(values[:50]).relative_width / 2


def test_the_interval_covers_the_true_median_about_95_times_in_100() -> None:
    rng = np.random.default_rng(3)
    draws = [estimate(rng.lognormal(0, 0.3, 41), seed=i) for i in range(300)]
    covered = sum(e.lo <= 1.0 <= e.hi for e in draws)
    assert 270 <= covered <= 298


def test_equal_samples_have_an_interval_of_width_zero() -> None:
    assert estimate([3.0] * 9).relative_width == 0
    assert estimate([3.0]).hi == 3.0


def test_a_median_of_zero_has_no_relative_width_unless_all_are_zero() -> None:
    assert estimate([0.0, 0.0]).relative_width == 0
    assert estimate([-1.0, 0.0, 1.0] * 5).relative_width == float("inf")


def test_what_is_not_finite_is_left_out() -> None:
    assert finite([1.0, float("nan"), float("inf"), 2.0]).tolist() == [1.0, 2.0]
    assert estimate([1.0, float("nan"), 1.0]).n == 2
    with pytest.raises(ValueError, match="no finite sample"):
        estimate([float("nan")])


def are_apart(a: Estimate, b: Estimate) -> bool:
    """Whether two intervals have nothing in common."""
    return a.lo > b.hi or b.lo > a.hi


RULE = Stopping(target=0.01, budget_s=1.0, least=3, most=6)


def narrow() -> bool:
    return True


def wide() -> bool:
    return False


def never() -> bool:
    raise AssertionError("the interval is computed for nothing")


def test_a_cell_is_visited_until_its_interval_is_within_the_target() -> None:
    assert not RULE.enough(0, 0.0, never)
    assert not RULE.enough(2, 0.0, never)
    assert RULE.enough(3, 0.0, narrow)
    assert not RULE.enough(3, 0.0, wide)


def test_visits_end_with_their_number_or_the_budget() -> None:
    assert RULE.enough(6, 0.0, never)
    assert RULE.enough(3, 1.0, never)
    assert not RULE.enough(2, 1.0, never)
    assert RULE.enough(1, 3.0, never)


def test_the_interval_is_looked_at_when_the_visits_have_grown_by_half() -> None:
    rule = Stopping(target=0.01, budget_s=1.0, least=3)
    assert [count for count in range(1, 20) if rule.enough(count, 0.0, narrow)] == [3, 4, 6, 8, 12, 18]


def test_profiles_ask_for_more_from_quick_to_full() -> None:
    quick, standard, full = (PROFILES[name] for name in ("quick", "standard", "full"))
    assert quick.target > standard.target > full.target
    assert quick.budget_s < standard.budget_s < full.budget_s
    assert quick.least < standard.least < full.least


def test_one_visit_has_the_plain_bootstrap_interval() -> None:
    from scipy.stats import bootstrap

    values = np.random.default_rng(5).normal(10, 1, 60)
    plain = bootstrap((values,), np.median, method="percentile", rng=np.random.default_rng(1)).confidence_interval
    found = estimate(values)
    assert (found.lo, found.hi) == pytest.approx((plain.low, plain.high), rel=0.01)


def test_visits_that_differ_widen_the_interval_to_hold_them() -> None:
    rng = np.random.default_rng(6)
    visits = [level + rng.normal(0, 0.001, 7) for level in (1.0, 1.05, 1.1)]
    found = estimate(*visits)
    assert found.lo < 1.005 and found.hi > 1.095


@given(st.lists(samples, min_size=1, max_size=5))
def test_visits_of_unequal_length_are_pooled(visits: list[list[float]]) -> None:
    found = estimate(*visits)
    assert found.n == sum(map(len, visits))
    assert found.value == np.median(np.concatenate(visits))
    assert min(map(min, visits)) <= found.lo <= found.value <= found.hi <= max(map(max, visits))


def test_two_runs_of_three_visits_seldom_have_intervals_apart() -> None:
    rng = np.random.default_rng(7)

    def run() -> Estimate:
        return estimate(*(1 + rng.normal(0, 0.05) + rng.normal(0, 0.001, 5) for _ in range(3)))

    apart = sum(are_apart(run(), run()) for _ in range(200))
    assert apart <= 30  # one in ten by the order of six draws; the plain bootstrap has nine in ten


def test_processes_that_differ_widen_the_interval_however_many_visits_each_made() -> None:
    rng = np.random.default_rng(8)
    levels = [1.0, 1.1, 1.0, 1.1]
    visits = [level + rng.normal(0, 0.001, 5) for level in levels for _ in range(40)]
    processes = [number for number in range(len(levels)) for _ in range(40)]
    found = estimate(*visits, processes=processes)
    assert found.lo < 1.01 and found.hi > 1.09
    alike = estimate(*visits[:40], processes=[0] * 40)
    assert alike.relative_width < 0.001


def test_two_runs_of_six_processes_seldom_have_intervals_apart() -> None:
    rng = np.random.default_rng(9)

    def run() -> Estimate:
        levels = 1 + rng.normal(0, 0.05, 6)
        visits = [level + rng.normal(0, 0.01, 5) for level in levels for _ in range(10)]
        return estimate(*visits, processes=[number for number in range(6) for _ in range(10)])

    apart = sum(are_apart(run(), run()) for _ in range(100))
    assert apart <= 10


def test_of_what_swings_the_mean_may_be_asked_for() -> None:
    found = estimate([590.0, 780.0, 730.0, 700.0], [640.0, 733.0, 681.0, 746.0], processes=[1, 2], mean=True)
    assert found.value == pytest.approx(700.0)
    assert found.lo <= found.value <= found.hi and found.hi - found.lo > 0
