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
from gridstone.fit.conformal import interval, quantile
from gridstone.fit.difficulty import difficulty
from gridstone.fit.form import fitted_to
from gridstone.fit.holdout import at_random
from gridstone.model import Law


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
            points=np.column_stack([table, difficulty(table, shape.form)]),
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
