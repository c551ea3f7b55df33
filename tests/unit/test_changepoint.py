"""Breaks of curves are found where they are, noise has none, and groups are those that were put there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridstone.changepoint import (
    Curve,
    alike,
    find_break,
    find_passage,
    find_steps,
    groups,
    paired_p,
    permutation_p,
    split_in_two,
)


def curve(levels: list[float], noise: float, seed: int = 1) -> Curve:
    value = np.array(levels) + noise * np.random.default_rng(seed).normal(size=len(levels))
    return Curve(value=value, lo=value - noise, hi=value + noise)


@settings(max_examples=30, deadline=None)
@given(st.integers(6, 14), st.integers(6, 14), st.floats(10, 500), st.floats(20, 300), st.booleans())
def test_a_step_is_found_where_it_is(ahead: int, behind: int, level: float, jump: float, down: bool) -> None:
    to = level - jump if down else level + jump
    found = find_break(curve([level] * ahead + [to] * behind, noise=0.01), permutations=199)
    assert found is not None
    assert found.last == ahead - 1
    assert found.before == pytest.approx(level, abs=0.1) and found.after == pytest.approx(to, abs=0.1)
    assert found.p_value == pytest.approx(1 / 200)
    assert found.confidence == 1.0


def test_a_slow_climb_breaks_where_it_begins() -> None:
    levels = [32.0] * 8 + [60.0, 110.0, 180.0, 240.0, 265.0, 275.0, 275.0, 275.0]
    found = find_break(curve(levels, noise=0.05))
    assert found is not None and found.last == 7 and found.p_value < 0.01


def test_noise_has_no_break_that_matters() -> None:
    values = [find_break(curve([100.0] * 16, noise=1.0, seed=seed), permutations=199) for seed in range(20)]
    assert sum(found is not None and found.p_value < 0.05 for found in values) <= 3


@pytest.mark.parametrize("levels", [[1.0, 2.0], [5.0] * 9])
def test_few_points_and_flat_curves_have_none(levels: list[float]) -> None:
    assert find_break(curve(levels, noise=0)) is None


def test_an_uncertain_break_says_so() -> None:
    value = np.array([10.0] * 6 + [11.0] + [30.0] * 6)
    found = find_break(Curve(value=value, lo=value, hi=value))
    assert found is not None and found.confidence == 1.0
    half = np.where(value == 11.0, 2.0, 0.0)
    doubted = find_break(Curve(value=value, lo=value - half, hi=value + half))
    assert doubted is not None and 0.3 < doubted.confidence < 0.9


def test_a_curve_that_climbs_for_long_passes_between_two_points() -> None:
    value = np.array([30.0, 30.0, 34.0, 50.0, 140.0, 160.0, 250.0])
    found = find_passage(Curve(value=value, lo=value, hi=value), 30.0, 280.0)
    assert found is not None and (found.last, found.half, found.confidence) == (2, 5, 1.0)
    doubted = find_passage(Curve(value=value, lo=value - 20, hi=value + 20), 30.0, 280.0)
    assert doubted is not None and doubted.confidence < 0.9


@pytest.mark.parametrize("value", [[30.0, 30.0, 50.0, 100.0], [100.0, 200.0, 280.0]])
def test_a_curve_that_does_not_come_there_or_begins_on_the_way_has_no_passage(value: list[float]) -> None:
    points = np.array(value)
    assert find_passage(Curve(value=points, lo=points, hi=points), 30.0, 280.0) is None


def test_pairs_that_differ_one_way_are_told_from_pairs_that_do_not() -> None:
    one = np.arange(12.0)
    assert paired_p(one + 1, one) < 0.01
    assert paired_p(one + np.tile([1.0, -1.0], 6), one) > 0.9


def test_several_steps_are_found_in_order() -> None:
    found = find_steps(curve([200.0] * 8 + [300.0] * 8 + [700.0] * 8, noise=0.5))
    assert [one.last for one in found] == [7, 15]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=40))
def test_two_groups_are_a_partition(values: list[float]) -> None:
    lower, upper = split_in_two(values)
    assert lower.size and upper.size
    assert lower.max() <= upper.min()
    assert sorted([*lower, *upper]) == sorted(values)


def test_the_smallest_p_value_is_that_of_the_permutations() -> None:
    assert permutation_p(np.r_[np.zeros(20), np.ones(20)], rng=np.random.default_rng(0), permutations=99) == 0.01


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 6), st.integers(0, 99))
def test_groups_are_those_that_were_put_there(count: int, members: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = np.arange(count)[:, None] * 10.0 + np.zeros(3)
    vectors = rng.permutation(np.repeat(centres, members, axis=0) + rng.uniform(-1, 1, (count * members, 3)))
    assert groups(alike(vectors, within=3.0)) == count
