"""Conformal intervals cover what they say, by simulation on laws whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.fit.cells import Sought, points
from gridstone.fit.conformal import (
    borrowed_interval,
    interval,
    quantile,
    scale,
    with_borrowed_intervals,
    with_intervals,
)
from gridstone.fit.difficulty import difficulty
from gridstone.fit.form import fitted_to
from gridstone.fit.holdout import Held, at_random
from gridstone.model import Law
from gridstone.model.prediction import WIDEST


@given(st.lists(st.floats(0, 1e3), min_size=1, max_size=200))
def test_the_quantile_is_the_order_statistic_or_says_that_it_cannot_reach_the_level(scores):
    found, level = quantile(scores)
    assert found in scores
    if len(scores) >= 19:
        assert level == 0.95
        assert sum(s <= found for s in scores) >= math.ceil(0.95 * (len(scores) + 1))
    else:
        assert level == len(scores) / (len(scores) + 1)
        assert found == max(scores)


def test_no_score_is_no_quantile():
    with pytest.raises(ValueError, match="no score"):
        quantile([])


def test_the_quantile_covers_a_further_score_as_often_as_it_says():
    rng = np.random.default_rng(3)
    scores = np.abs(rng.standard_cauchy((4000, 40)))
    covered = [row[-1] <= quantile(row[:-1])[0] for row in scores]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)


def simulated(seed: int, count: int, noise: float) -> tuple[Sought, np.ndarray, np.ndarray]:
    """Cells at random places on a step of a ladder, and as many further places with their measurements."""
    rng = np.random.default_rng(seed)
    x = np.sort(2 ** rng.uniform(10, 30, count))
    fresh = 2 ** rng.uniform(10.5, 29.5, count)

    def measured(at):
        return 30 * (1 + 8 / (1 + (2**20 / at) ** 2)) * np.exp(noise * rng.standard_normal(at.size))

    y = measured(x)
    table = pd.DataFrame({"x": x, "value": y, "lo": y * (1 - noise), "hi": y * (1 + noise)})
    table = table.assign(site="s", run_id="r", cell_id="c", probe="p")
    return Sought(keys={}, axes=("x",), unit="s", cells=table), fresh, measured(fresh)


@pytest.mark.parametrize(("count", "noise"), [(60, 0.01), (60, 0.0005), (120, 0.05)])
def test_intervals_of_a_fitted_law_cover_fresh_measurements(count, noise):
    covered = []
    for seed in range(6):
        sought, fresh, measured = simulated(seed, count, noise)
        table = points(sought.cells, sought.axes)
        shape = fitted_to(table[:, :2], sought)
        bounds = interval(at_random(sought), [])
        assert bounds["level"] == 0.95
        law = Law(
            keys={},
            axes=("x",),
            unit="s",
            form=shape.form,
            knots=shape.knots,
            points=np.column_stack([table, difficulty(table, shape.form) + bounds["offset"]]),
            factor=bounds["factor"],
            level=bounds["level"],
            per_octave=bounds["per_octave"],
            noise=noise,
        )
        answer = law.at("flag", x=fresh)
        covered += ((answer.lo <= measured) & (measured <= answer.hi))[answer.in_domain].tolist()
    assert len(covered) > 300
    assert np.mean(covered) >= 0.95 - 0.03


def test_a_held_out_cell_has_no_part_in_its_prediction():
    sought, _, _ = simulated(7, 40, 0.01)
    before = {h.coordinates: h for h in at_random(sought)}
    cells = sought.cells.copy()
    cells.loc[20, ["value", "lo", "hi"]] *= 3
    after = {h.coordinates: h for h in at_random(replace(sought, cells=cells))}
    changed = (float(cells.loc[20, "x"]),)
    assert after[changed].measured == pytest.approx(3 * before[changed].measured)
    assert after[changed].predicted == before[changed].predicted
    assert after[changed].difficulty == before[changed].difficulty
    assert any(after[x].predicted != before[x].predicted for x in before)


def test_too_few_cells_borrow_the_scores_of_their_function_and_say_so():
    few, many = at_random(simulated(0, 8, 0.01)[0]), at_random(simulated(1, 60, 0.01)[0])
    alone, helped = interval(few, few), interval(few, many)
    assert alone["level"] < 0.95
    assert alone["scores"] == "this law"
    assert helped["level"] == 0.95
    assert helped["scores"] == "all laws of the function"


def test_a_law_on_a_step_is_less_certain_there_than_on_its_plateau():
    sought, _, _ = simulated(2, 60, 0.0005)
    table = points(sought.cells, sought.axes)
    spread = difficulty(table, "loglog")
    step = (table[:, 0] > 2**19) & (table[:, 0] < 2**21)
    plateau = table[:, 0] < 2**16
    assert spread[step].mean() > 2 * spread[plateau].mean()


def held(residual: float, difficulty: float, fold: int = 0) -> Held:
    """A held-out point that is off by so much, in log space."""
    measured = math.exp(residual)
    return Held(
        kind="random",
        fold=fold,
        coordinates=(float(fold),),
        measured=measured,
        lo=measured,
        hi=measured,
        predicted=1.0,
        difficulty=difficulty,
        octaves=0.0,
    )


points_held = st.lists(st.tuples(st.floats(0, 3), st.floats(1e-4, 5)), min_size=1, max_size=80)


@given(points_held)
def test_no_scale_is_wider_than_one_width_for_all_and_each_covers_its_level(pairs):
    ones = [held(*pair) for pair in pairs]
    offset, factor, level = scale(ones)
    widths = [factor * (h.difficulty + offset) for h in ones]
    alike, _ = quantile([abs(h.residual) for h in ones])
    assert np.mean(widths) <= 1.01 * alike + 1e-12
    inside = sum(abs(h.residual) <= width * (1 + 1e-9) for h, width in zip(ones, widths, strict=True))
    assert inside >= math.floor(level * len(ones))


@given(points_held, st.floats(0.1, 10))
def test_errors_and_difficulties_in_another_unit_change_nothing_but_the_unit(pairs, unit):
    def mean_width(ones):
        offset, factor, _ = scale(ones)
        return np.mean([factor * (h.difficulty + offset) for h in ones])

    before, after = (
        mean_width([held(*pair) for pair in pairs]),
        mean_width([held(r * unit, d * unit) for r, d in pairs]),
    )
    assert after == pytest.approx(before * unit, rel=1e-6, abs=1e-12)


def test_cells_without_noise_that_miss_their_law_where_it_seems_easy_do_not_blow_intervals_up():
    easy = [held(0.1 if n % 5 == 0 else 0.0, 1e-4, fold=n % 10) for n in range(40)]
    steep = [held(0.05, 2.0, fold=n % 10) for n in range(10)]
    bounds = interval(easy + steep, [])
    for h, lo, hi in with_intervals(easy + steep, [], bounds, 0.0):
        assert hi / lo < math.exp(2 * 0.2), h
        assert 0 < lo <= hi < math.inf


def test_where_the_difficulty_tells_hard_places_the_plateau_keeps_its_narrow_intervals():
    plateau = [held(0.001 * (n % 3), 1e-3, fold=n % 10) for n in range(60)]
    step = [held(0.3 * (n % 3) / 2, 0.3, fold=n % 10) for n in range(20)]
    offset, factor, _ = scale(plateau + step)
    assert factor * (1e-3 + offset) < 0.02
    assert factor * (0.3 + offset) >= 0.3


def test_no_width_overflows():
    far = [held(300.0, 1e-4, fold=n % 10) for n in range(20)]
    ((_, lo, hi),) = with_intervals([held(0.0, 10.0, fold=1)], far, interval(far, []), 0.0)
    assert hi / lo == pytest.approx(math.exp(2 * WIDEST))


def test_a_law_that_borrows_scores_states_the_coverage_of_what_it_borrowed():
    own = [held(0.5, 1e-3, fold=n) for n in range(3)]
    others = [held(1.0, 1e-3, fold=n % 10) for n in range(40)]
    rows = with_intervals(own, [*own, *others], interval(own, [*own, *others]), 0.0)
    assert all(lo <= h.measured <= hi for h, lo, hi in rows)


def stood_in_for(fold: int, off: float, kind: str = "borrowed") -> Held:
    return replace(held(off, 0.02, fold=fold), kind=kind)


@pytest.mark.parametrize(
    ("wrong", "abroad", "factor"),
    [((0.001, 0.002), (), 1.0), ((0.01, 0.04), (), 2.0), ((-0.06, 0.01), (), 3.0), ((0.01, 0.04), (0.1,), 5.0)],
)
def test_an_interval_holds_the_pair_that_was_told_worst_and_is_no_narrower_than_cells(
    wrong: tuple[float, ...], abroad: tuple[float, ...], factor: float
) -> None:
    between = [stood_in_for(fold, off) for fold, off in enumerate(wrong) for _ in range(24)]
    found = borrowed_interval(between, [stood_in_for(0, off, "site") for off in abroad], 0.02)
    assert found["factor"] == pytest.approx(factor) and found["level"] == 0.95


def test_a_ladder_has_no_part_in_the_interval_that_it_is_judged_by() -> None:
    between = [stood_in_for(fold, off) for fold, off in ((0, 0.03), (1, 0.06)) for _ in range(24)]
    rows = with_borrowed_intervals(between)
    assert {h.fold: math.log(hi) for h, _, hi in rows} == pytest.approx({0: 0.06, 1: 0.03})
