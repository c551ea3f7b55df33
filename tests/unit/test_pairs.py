"""The additive model of pairs: it finds its effects, wrong pairs do not move it, levels are told from chance."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridstone import pairs

GROUPS = (tuple(range(0, 36, 2)), tuple(range(1, 33, 2)))


def matrix(seed: int, noise: float = 0.1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ordered pairs within two groups, with effects of source and destination."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(0, 4, 36), rng.normal(0, 5, 36)
    source, destination = (
        np.array(v) for v in zip(*((s, d) for g in GROUPS for s in g for d in g if s != d), strict=True)
    )
    value = 190 + a[source] + b[destination] + rng.normal(0, noise, source.size)
    return source, destination, value


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_held_out_pairs_are_predicted_to_the_noise(seed: int) -> None:
    source, destination, value = matrix(seed)
    r2, rms = pairs.quality(value, pairs.held_out(source, destination, value))
    assert r2 > 0.999
    assert rms < 0.15


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_pairs_under_wrong_names_do_not_move_the_others(seed: int) -> None:
    source, destination, value = matrix(seed)
    clean = pairs.additive(source, destination, value).predict(source, destination)
    rng = np.random.default_rng(seed + 1)
    wrong = rng.choice(value.size, value.size // 20, replace=False)
    moved = value.copy()
    moved[wrong] = rng.permutation(value[wrong]) + rng.choice([-30, 25, 400], wrong.size)
    spoilt = pairs.additive(source, destination, moved).predict(source, destination)
    assert np.abs(spoilt - clean).max() < 0.3


def test_what_is_not_additive_is_not_called_so() -> None:
    source, destination, value = matrix(3)
    twisted = value + 8 * np.random.default_rng(4).normal(size=value.size)
    r2, rms = pairs.quality(twisted, pairs.held_out(source, destination, twisted))
    assert r2 < 0.7
    assert rms > 5


def test_effects_of_a_group_have_zero_sum_and_strangers_have_none() -> None:
    source, destination, value = matrix(5)
    model = pairs.additive(source, destination, value)
    for members in GROUPS:
        assert model.source[list(members)].sum() == pytest.approx(0, abs=1e-9)
        assert model.destination[list(members)].sum() == pytest.approx(0, abs=1e-9)
    assert np.isnan(model.predict([33, 0], [0, 1])).all()  # one that is in no pair, and two of two groups


def test_groups_are_what_pairs_connect() -> None:
    assert pairs.groups([], []) == []
    assert pairs.groups([0, 2, 5, 4], [2, 4, 7, 4]) == [(0, 2, 4), (5, 7)]
    source, destination, _ = matrix(0)
    assert pairs.groups(source[::7], destination[::7]) == list(GROUPS)


def test_a_level_that_adds_nothing_is_left_to_chance() -> None:
    rng = np.random.default_rng(1)
    table = rng.normal(190, 9, (400, 1)) + rng.normal(0, 0.2, (400, 4))
    table[rng.random(table.shape) < 0.3] = np.nan
    effects, chance = pairs.level_effects(table)
    assert np.abs(effects).max() < 0.05
    assert chance > 0.02
    table[:, 2] += 0.3
    effects, chance = pairs.level_effects(table)
    assert effects[2] - np.delete(effects, 2).mean() == pytest.approx(0.3, abs=0.1)
    assert chance == pytest.approx(1 / 100)


def test_pairs_seen_at_one_level_say_nothing_of_levels() -> None:
    effects, chance = pairs.level_effects([[1.0, np.nan], [np.nan, 2.0]])
    assert np.isnan(effects).all() and np.isnan(chance)


def test_groups_of_even_size_and_even_spread_are_fitted_as_well() -> None:
    """Two clusters of effects, as SMs of two halves of a GPC have: a median polish stops at other rows' medians."""
    rng = np.random.default_rng(0)
    for size in (8, 16, 18):
        a, b = rng.permutation(np.repeat([-8.0, 7.0], size // 2)), rng.permutation(np.repeat([-6.0, 6.5], size // 2))
        source, destination = (np.array(v) for v in zip(*itertools.permutations(range(size), 2), strict=True))
        value = 190 + a[source] + b[destination] + rng.normal(0, 0.02, source.size)
        model = pairs.additive(source, destination, value)
        assert np.abs(model.predict(source, destination) - value).max() < 0.1
        assert model.source == pytest.approx(a - a.mean(), abs=0.05)
