"""The candidate forms and the choice among them."""

from __future__ import annotations

import numpy as np
import pytest

from gridstone.fit.form import choose, fitted, folds
from gridstone.model.interpolate import evaluate


def sizes(count=29):
    return 4.0 * 2.0 ** np.arange(count)


def two_protocols(x):
    return 5e-6 + np.minimum(x, 2**16) / 10e9 + np.maximum(0, x - 2**16) / 50e9


def test_segments_find_the_breakpoint_and_both_bandwidths():
    x = sizes()
    noisy = two_protocols(x) * np.exp(0.001 * np.random.default_rng(0).standard_normal(x.size))
    form, knots = fitted(np.column_stack([x, noisy]), "segments")
    assert form == "affine"
    assert 2**16 in knots[:, 0]
    assert len(knots) <= 5
    for size in (100, 30_000, 3_000_000):
        assert evaluate(knots, np.array([[size]]), form)[0] == pytest.approx(two_protocols(size), rel=0.01)


def test_one_line_needs_no_breakpoint():
    x = sizes()
    _, knots = fitted(np.column_stack([x, 3e-6 + x / 20e9]), "segments")
    assert len(knots) == 2


@pytest.mark.parametrize(
    ("truth", "expected"),
    [
        (lambda x: 5e-6 + x / 50e9, {"affine", "segments"}),
        (lambda x: 30 * (1 + 8 / (1 + (2**20 / x) ** 1.5)), {"cubic"}),
        (lambda x: 3 * x**0.5, {"loglog", "cubic"}),
    ],
)
def test_cross_validation_chooses_the_form_of_the_truth(truth, expected):
    x = sizes()
    assert choose(np.column_stack([x, truth(x)]), ("affine", "segments", "cubic", "loglog")) in expected


def test_folds_hold_each_index_once():
    parts = folds(23, 10)
    assert len(parts) == 10
    assert sorted(np.concatenate(parts)) == list(range(23))
    assert len(folds(3, 10)) == 3
