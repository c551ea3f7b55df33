"""Collectives as the messages that they are made of: what cells far apart say of what lies between and beyond them."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pandas as pd
import pytest

from gridstone.fit.cells import Sought
from gridstone.fit.form import fitted_to
from gridstone.fit.holdout import at_random, at_the_frontier
from gridstone.fit.steps import counted
from gridstone.model.messages import Messages, spent
from gridstone.model.trend import recorded

SIZES = 2.0 ** np.arange(24)
GRID = np.array(list(itertools.product([2.0, 4.0, 16.0], 256 * 8.0 ** np.arange(6))))


def message(size: np.ndarray) -> np.ndarray:
    """Eager up to 8 KiB, then a round trip more at once, and a cache that is left beyond 1 MiB."""
    return np.where(size <= 8192, 1e-6 + size / 4e9, 5e-6 + size / 12e9) + np.maximum(0.0, size - (1 << 20)) / 20e9


MESSAGES = Messages(sizes=tuple(SIZES), seconds=tuple(message(SIZES)))


def ring(x: np.ndarray) -> np.ndarray:
    """An all-reduce in parts: 2 (p - 1) messages of 1 / p of the bytes."""
    return 2 * (x[:, 0] - 1) * MESSAGES.time(x[:, 1] / x[:, 0])


def tree(x: np.ndarray) -> np.ndarray:
    """Up a binomial tree and down again."""
    return 2 * np.log2(x[:, 0]) * MESSAGES.time(x[:, 1])


def _points(values: np.ndarray) -> np.ndarray:
    return np.column_stack([GRID, values])


def _sought(values: np.ndarray, candidates: tuple[str, ...]) -> Sought:
    table = pd.DataFrame({"ranks": GRID[:, 0], "bytes": GRID[:, 1], "value": values, "lo": values, "hi": values})
    table = table.assign(site="s", run_id="r", probe="p", cell_id=[str(i) for i in range(len(values))])
    return Sought(
        keys={}, axes=("ranks", "bytes"), unit="s", cells=table, candidates=candidates,
        known=lambda points: counted(points, MESSAGES),
    )  # fmt: skip


@pytest.mark.parametrize(("truth", "term"), [(ring, "part_of_each"), (tree, "message_a_round")])
def test_the_algorithm_is_recognised_by_its_messages(truth: object, term: str) -> None:
    found = counted(_points(truth(GRID)), MESSAGES)  # type: ignore[operator]
    assert found.weights[term] == pytest.approx(2.0, rel=1e-6)
    assert sum(found.weights.values()) == pytest.approx(2.0, rel=1e-6)
    elsewhere = np.array([[3.0, 5e3], [8.0, 3e6], [64.0, 1e7]])
    assert found.at(elsewhere) == pytest.approx(truth(elsewhere), rel=1e-6)  # type: ignore[operator]


def test_held_out_cells_are_predicted_through_a_change_of_protocol() -> None:
    values = ring(GRID) * np.exp(0.05 * np.random.default_rng(0).standard_normal(len(GRID)))
    errors = {}
    for name, candidates in (("curve", ("loglog", "cubic")), ("messages", ("known", "known*loglog"))):
        held = [*at_random(_sought(values, candidates)), *at_the_frontier(_sought(values, candidates))]
        errors[name] = float(np.median([abs(h.residual) for h in held]))
    assert errors["messages"] < 0.1 < errors["curve"]


def test_what_no_message_explains_is_left_to_the_curve() -> None:
    values = tree(GRID) * np.where(GRID[:, 1] > 1e5, 3.0, 1.0)
    shape = fitted_to(_points(values), _sought(values, ("known", "known*loglog")))
    assert shape.candidate == "known*loglog"
    assert shape.at(GRID) == pytest.approx(values)


def test_without_messages_there_are_a_latency_and_bytes() -> None:
    values = 3e-6 * GRID[:, 0] + GRID[:, 0] * GRID[:, 1] / 5e9
    found = counted(_points(values), None)
    assert found.at(GRID) == pytest.approx(values, rel=1e-6)
    assert found.weights["rank"] == pytest.approx(3e-6) and found.weights["bytes_of_all"] == pytest.approx(1 / 5e9)


@pytest.mark.parametrize("messages", [MESSAGES, None])
def test_a_law_keeps_its_steps(messages: Messages | None) -> None:
    found = counted(_points(ring(GRID)), messages)
    again = recorded(json.loads(json.dumps(found.record())), 2)
    assert again == found


@pytest.mark.parametrize("weights", [{}, {"ring": 1.0}, {"rank": 0.0}, {"rank": -1.0}])
def test_steps_that_cannot_be_are_refused(weights: dict[str, float]) -> None:
    with pytest.raises(TypeError, match="steps of a collective"):
        recorded({"weights": weights, "messages": {"sizes": [], "seconds": []}}, 2)


@pytest.mark.parametrize(
    ("sizes", "seconds"),
    [([1, 2, 4], [1e-6]), ([4, 2], [1e-6, 2e-6]), ([0, 2], [1e-6, 2e-6]), ([1, 2], [1e-6, float("nan")]), ([1], [0.0])],
)
def test_messages_that_cannot_be_are_refused(sizes: list[float], seconds: list[float]) -> None:
    with pytest.raises(TypeError, match="do not belong together"):
        recorded({"weights": {"rank": 1.0}, "messages": {"sizes": sizes, "seconds": seconds}}, 2)


def test_one_rank_sends_nothing() -> None:
    points = np.array([[1.0, size, 1e-6 + 1e-9 * size] for size in (64.0, 1024.0, 4096.0)])
    found = counted(points, Messages(sizes=(64.0, 4096.0), seconds=(1e-6, 2e-6)))
    assert "message_a_round" not in found.weights
    assert found.at(points[:, :2]) == pytest.approx(points[:, 2])


def test_a_message_below_the_smallest_takes_as_long() -> None:
    few = Messages(sizes=(64.0, 128.0), seconds=(1e-6, 2e-6))
    assert few.time(np.array([1.0, 64.0, 96.0, 256.0])) == pytest.approx([1e-6, 1e-6, 1.5e-6, 4e-6])
    assert spent(("message_of_each",), np.array([[5.0, 64.0]]), few) == pytest.approx(4e-6)
