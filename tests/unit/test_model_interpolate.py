"""Interpolation: exact where the form is true, continuous, and silent where nothing was measured."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.model import interpolate
from gridstone.model.interpolate import largest_around, rows_at

FORMS = ("loglog", "cubic", "affine", "harmonic")
coefficients = st.floats(1e-9, 1e-3)
inside = st.floats(2.0, 2.0**10)


def evaluate(knots, x, form):
    return float(interpolate.evaluate(knots, np.array([x], dtype=float), form)[0])


def covers(knots, x):
    return bool(interpolate.covers(knots, np.array([x], dtype=float))[0])


def octaves_outside(knots, x):
    return float(interpolate.octaves_outside(knots, np.array([x], dtype=float))[0])


def curve(function, low=0, high=10):
    x = 2.0 ** np.arange(low, high + 1)
    return np.column_stack([x, [function(v) for v in x], np.zeros(x.size)])


@given(a=coefficients, b=coefficients, x=inside)
def test_affine_is_exact_on_a_latency_plus_bytes_over_a_bandwidth(a, b, x):
    assert evaluate(curve(lambda v: a + b * v), [x], "affine") == pytest.approx(a + b * x, rel=1e-9)


@given(a=coefficients, power=st.floats(-2, 2), x=inside)
def test_loglog_and_cubic_are_exact_on_power_laws(a, power, x):
    knots = curve(lambda v: a * v**power)
    knots[:, 2] = power
    for form in ("loglog", "cubic"):
        assert evaluate(knots, [x], form) == pytest.approx(a * x**power, rel=1e-9)


@given(values=st.lists(st.floats(1, 1e6), min_size=3, max_size=9), data=st.data())
def test_every_form_passes_through_its_knots_and_stays_between_neighbours(values, data):
    x = 2.0 ** np.arange(len(values))
    knots = np.column_stack([x, values, np.zeros(len(values))])
    i = data.draw(st.integers(0, len(values) - 2))
    between = data.draw(st.floats(x[i], x[i + 1]))
    for form in FORMS:
        assert evaluate(knots, [x[i]], form) == pytest.approx(values[i])
        low, high = sorted(values[i : i + 2])
        assert low * (1 - 1e-9) <= evaluate(knots, [between], form) <= high * (1 + 1e-9)


def test_beyond_the_knots_the_last_octave_goes_on():
    assert evaluate(curve(lambda v: 3 * v), [2.0**12], "loglog") == pytest.approx(3 * 2**12)
    assert evaluate(curve(lambda v: 5 + 3 * v), [2.0**12], "affine") == pytest.approx(5 + 3 * 2**12)
    assert evaluate(curve(lambda v: 7.0), [0.01], "cubic") == pytest.approx(7)


def test_an_affine_course_never_runs_below_zero():
    falling = np.array([[1.0, 10.0, 0.0], [2.0, 5.0, 0.0]])
    assert evaluate(falling, [100.0], "affine") == 5.0


def test_curves_are_joined_across_the_outer_coordinate():
    knots = np.array([[o, x, o * x, 1.0] for o in (1.0, 4.0) for x in (1.0, 2.0, 4.0)])
    assert evaluate(knots, [2.0, 3.0], "loglog") == pytest.approx(6.0)


def test_gaps_of_the_grid_are_not_covered():
    knots = np.array([[1.0, x, 1.0, 0.0] for x in (1, 2, 4)] + [[2.0, x, 1.0, 0.0] for x in (2, 4)])
    assert covers(knots, [1.0, 1.5])
    assert covers(knots, [1.5, 3.0])
    assert not covers(knots, [2.0, 1.5])
    assert not covers(knots, [1.5, 1.5])
    assert not covers(knots, [3.0, 2.0])


def test_a_step_too_wide_to_know_its_course_is_not_covered():
    knots = np.array([[128.0, 1.0, 0.0], [65536.0, 2.0, 0.0]])
    assert covers(knots, [128.0])
    assert covers(knots, [65536.0])
    assert not covers(knots, [4096.0])


@given(st.floats(1e-3, 1e6))
def test_octaves_outside_are_zero_inside_and_grow_with_distance(x):
    knots = curve(lambda v: v)
    expected = max(0.0, math.log2(x / 1024), math.log2(1 / x))
    assert octaves_outside(knots, [x]) == pytest.approx(expected)


@given(a=coefficients, b=coefficients, x=inside)
def test_harmonic_is_exact_on_a_cost_that_more_work_shares(a, b, x):
    assert evaluate(curve(lambda v: a + b / v), [x], "harmonic") == pytest.approx(a + b / x, rel=1e-9)


def test_the_largest_around_a_point_is_that_of_its_bracket():
    knots = np.array([[x, 1.0, last] for x, last in ((1.0, 5.0), (2.0, 1.0), (4.0, 2.0), (8.0, 9.0))])
    x = np.array([[3.0], [4.0], [1.0], [0.1], [1e9]])
    assert largest_around(knots, x).tolist() == [2.0, 2.0, 5.0, 5.0, 9.0]


def grid():
    """Three coordinates with gaps, as cells that were skipped leave them."""
    rng = np.random.default_rng(5)
    rows = [(a, b, c) for a in (1, 2, 8) for b in (1, 4, 16) for c in 2.0 ** np.arange(6) if rng.random() < 0.8]
    coordinates = np.array(rows, dtype=float)
    return np.column_stack([coordinates, rng.uniform(1, 9, len(rows)), rng.uniform(-1, 1, len(rows))])


@pytest.mark.parametrize("form", FORMS)
def test_many_points_at_once_are_answered_as_one_by_one(form):
    knots = grid()
    x = np.vstack([2 ** np.random.default_rng(6).uniform(-1, 6, (200, 3)), knots[:, :3]])
    for ask in (lambda at: interpolate.evaluate(knots, at, form), lambda at: interpolate.covers(knots, at)):
        assert ask(x).tolist() == pytest.approx([ask(row[None])[0] for row in x])
    for ask in (interpolate.octaves_outside, largest_around, rows_at):
        assert ask(knots, x).tolist() == pytest.approx([ask(knots, row[None])[0] for row in x])


def test_exactly_the_points_of_a_grid_are_found_in_it():
    knots = grid()
    assert rows_at(knots, knots[:, :3]).tolist() == list(range(len(knots)))
    assert (rows_at(knots, knots[:, :3] * 1.01) == -1).all()
