"""Trends: terms that are weighed from cells, what they say beyond them, and how a law keeps one."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.fit.cells import Sought
from gridstone.fit.form import fitted_to, shaped
from gridstone.fit.holdout import at_random
from gridstone.fit.trend import weighed
from gridstone.model.trend import Trend, recorded

TERMS = ((0.0, 0.0), (0.0, 1.0), (-1.0, 1.0))
GRID = np.array(list(itertools.product([1.0, 8.0, 64.0], [1e3, 8e3, 64e3, 512e3, 4e6])))


def truth(x: np.ndarray, sharpness: float = 2.0) -> np.ndarray:
    """A call of 2 us, 2 TB/s, and 40 ps per block of the first coordinate."""
    terms = np.column_stack([np.full(len(x), 2e-6), x[:, 1] / 2e12, 4e-11 * x[:, 1] / x[:, 0]])
    return (terms**sharpness).sum(axis=1) ** (1 / sharpness)


@pytest.mark.parametrize("sharpness", [1.0, 2.0, 4.0])
def test_terms_are_found_again(sharpness: float) -> None:
    y = truth(GRID, sharpness) * np.exp(0.005 * np.random.default_rng(0).standard_normal(len(GRID)))
    found = weighed(np.column_stack([GRID, y]), TERMS)
    assert found.sharpness == sharpness
    elsewhere = np.array([[3.0, 5e4], [20.0, 1e6], [1.0, 32e6]])
    assert found.at(elsewhere) == pytest.approx(truth(elsewhere, sharpness), rel=0.03)


def test_a_term_without_weight_is_left_out() -> None:
    found = weighed(np.column_stack([GRID, np.full(len(GRID), 7.0)]), TERMS)
    assert found.at(GRID) == pytest.approx(7.0, rel=0.01)
    assert len(found.coefficients) < len(TERMS) or found.coefficients.min() > 0


@given(st.lists(st.floats(0, 3), min_size=1, max_size=4), st.floats(1, 16), st.integers(0, 2**32))
def test_no_trend_of_rising_terms_falls(powers: list[float], sharpness: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    trend = Trend(
        exponents=np.array(powers)[:, None], coefficients=rng.uniform(1e-9, 1e3, len(powers)), sharpness=sharpness
    )
    x = np.sort(2 ** rng.uniform(0, 40, 50))[:, None]
    values = trend.at(x)
    assert np.isfinite(values).all() and (np.diff(values) >= -1e-9 * values[1:]).all()


def _sought(values: np.ndarray, **more: object) -> Sought:
    table = pd.DataFrame({"block": GRID[:, 0], "bytes": GRID[:, 1], "value": values, "lo": values, "hi": values})
    table = table.assign(site="s", run_id="r", probe="p", cell_id=[str(i) for i in range(len(values))])
    return Sought(keys={}, axes=("block", "bytes"), unit="s", cells=table, terms=TERMS, **more)  # type: ignore[arg-type]


def test_cells_eight_times_apart_are_told_from_each_other_by_their_trend() -> None:
    y = truth(GRID)
    plain = at_random(_sought(y, candidates=("loglog",)))
    terms = at_random(_sought(y, candidates=("loglog", "terms")))
    worst = [max(abs(h.predicted / h.measured - 1) for h in held) for held in (plain, terms)]
    assert worst[1] < 0.01 < 0.1 < worst[0]


def test_what_a_trend_leaves_is_followed_within_and_kept_beyond() -> None:
    y = truth(GRID) * np.where(GRID[:, 0] == 8, 1.3, 1.0)
    shape = fitted_to(np.column_stack([GRID, y]), _sought(y, candidates=("terms*loglog",)))
    assert shape.at(GRID) == pytest.approx(y)
    assert shape.trend is not None
    beyond = np.array([[8.0, 64e6]])
    rim = np.array([[8.0, 4e6]])
    assert shape.at(beyond) / shape.trend.at(beyond) == pytest.approx(shape.at(rim) / shape.trend.at(rim))


def test_a_trend_that_is_known_ahead_is_not_weighed_from_the_cells() -> None:
    known = weighed(np.column_stack([GRID, truth(GRID)]), TERMS)
    y = 2 * truth(GRID)
    shape = fitted_to(np.column_stack([GRID, y]), _sought(y, candidates=("known*loglog",), known=lambda _: known))
    assert shape.trend is known
    beyond = np.array([[8.0, 64e6]])
    assert shape.at(beyond) == pytest.approx(2 * known.at(beyond))
    alone = shaped(np.column_stack([GRID, y]), "known", known=lambda _: known)
    assert alone.at(GRID) == pytest.approx(truth(GRID))
    with pytest.raises(ValueError, match="no trend is known"):
        shaped(np.column_stack([GRID, y]), "known")


def test_a_law_without_coordinates_is_held_out_cell_by_cell() -> None:
    values = np.array([10.0, 11.0, 12.0, 10.5])
    table = pd.DataFrame({"value": values, "lo": values, "hi": values, "site": "s", "run_id": "r", "probe": "p"})
    held = at_random(Sought(keys={}, axes=(), unit="cycle", cells=table.assign(cell_id=list("abcd"))))
    assert {h.cell_id: h.measured for h in held} == dict(zip("abcd", values, strict=True))
    assert {h.cell_id: h.predicted for h in held}["c"] == 10.5


def test_a_trend_survives_its_record() -> None:
    trend = weighed(np.column_stack([GRID, truth(GRID)]), TERMS)
    again = recorded(trend.record(), 2)
    assert again is not None and again.at(GRID) == pytest.approx(trend.at(GRID))
    assert recorded(None, 2) is None
    with pytest.raises(TypeError, match="a trend of"):
        recorded(trend.record(), 3)
