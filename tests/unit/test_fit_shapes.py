"""What is imposed on the points of a law before a curve goes through them: order, and products of factors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.fit.form import fitted
from gridstone.fit.isotone import curves, isotone
from gridstone.fit.separable import separable
from gridstone.model.interpolate import evaluate

values = st.lists(st.floats(1e-9, 1e9), min_size=2, max_size=30)


def points(measured):
    return np.column_stack([2.0 ** np.arange(len(measured)), measured])


@given(values)
def test_isotone_values_never_fall_and_stay_within_what_was_measured(measured):
    shaped = isotone(points(measured))[:, -1]
    assert (np.diff(shaped) >= 0).all()
    assert min(measured) * (1 - 1e-9) <= shaped.min() and shaped.max() <= max(measured) * (1 + 1e-9)


@given(values)
def test_values_in_order_are_not_touched(measured):
    rising = points(sorted(measured))
    assert (isotone(rising) == rising).all()


def test_one_outlier_does_not_move_its_neighbours():
    shaped = isotone(points([1, 2, 50, 3, 4, 5, 6, 60]))[:, -1]
    assert shaped == pytest.approx([1, 2, 4, 4, 4, 5, 6, 60])


def test_curves_are_ordered_one_by_one():
    grid = np.array([[1.0, 1, 9], [1, 2, 8], [4, 1, 3], [4, 2, 5]])
    assert curves(grid) == [slice(0, 2), slice(2, 4)]
    assert isotone(grid)[:, -1] == pytest.approx([72**0.5, 72**0.5, 3, 5])


@given(values, st.sampled_from(["loglog", "cubic", "affine", "segments"]), st.integers(0, 2**32))
def test_no_form_of_a_rising_law_falls_anywhere(measured, candidate, seed):
    form, knots = fitted(points(measured), candidate, rises=True)
    x = np.sort(2 ** np.random.default_rng(seed).uniform(0, len(measured) - 1, 50))
    answers = evaluate(knots, x[:, None], form)
    assert (np.diff(answers) >= -1e-9 * answers[1:]).all()


def test_a_product_of_factors_is_found_through_noise_and_gaps():
    rng = np.random.default_rng(4)
    at = np.array([(a, b, c) for a in (1.0, 2, 4) for b in (1.0, 3, 9) for c in 2.0 ** np.arange(8)])
    at = at[rng.random(len(at)) < 0.8]
    truth = at[:, 0] ** 0.7 / at[:, 1] * (1 + at[:, 2])
    noisy = truth * np.exp(0.2 * rng.standard_normal(len(at)))
    exact = separable(np.column_stack([at, truth]))
    assert exact[:, -1] == pytest.approx(truth)
    found = np.abs(np.log(separable(np.column_stack([at, noisy]))[:, -1] / truth))
    assert np.median(found) < 0.5 * np.median(np.abs(np.log(noisy / truth)))
