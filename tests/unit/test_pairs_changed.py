"""Intervals of the model of pairs hold the truth as often as they say, and a change is found where there is one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridstone import pairs

SIZE = 18
DRAWS = 150
NAMES = ("level", "source", "destination")


def apart(size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of different things of one group."""
    source, destination = (side.ravel() for side in np.divmod(np.arange(size * size), size))
    different = source != destination
    return source[different], destination[different]


def nested(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pairs that meet where clusters of four are put together in a few ways only, all things in some."""
    met = np.zeros((SIZE, SIZE), bool)
    for _ in range(6):
        order = rng.permutation(SIZE)
        for at in range(0, SIZE - 3, 3):
            met[np.ix_(order[at : at + 4], order[at : at + 4])] = True
    np.fill_diagonal(met, False)
    return np.nonzero(met)


class Machine:
    """The truth of one group: effects of zero sum, and what is not additive in each pair."""

    def __init__(self, rng: np.random.Generator, twist: float = 0.0) -> None:
        a, b = rng.normal(0, 5, SIZE), rng.normal(0, 4, SIZE)
        self.source, self.destination, self.level = a - a.mean(), b - b.mean(), np.full(SIZE, 190.0)
        self.twist = rng.normal(0, twist, (SIZE, SIZE))

    def table(self, s: np.ndarray, d: np.ndarray, rng: np.random.Generator, noise: float) -> pairs.Table:
        true = self.level[s] + self.source[s] + self.destination[d] + self.twist[s, d]
        return pairs.Table(source=s, destination=d, value=true + rng.normal(0, noise, s.size))


@pytest.mark.parametrize("meeting", [lambda rng: apart(), nested], ids=["all pairs", "nested"])
def test_intervals_of_parameters_hold_the_truth_as_often_as_they_say(meeting) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(11)
    held: dict[str, list[float]] = {name: [] for name in NAMES}
    for _ in range(DRAWS):
        machine = Machine(rng)
        table = machine.table(*meeting(rng), rng, 0.3)
        model = pairs.additive(table.source, table.destination, table.value)
        width = pairs.half_widths(model, table)
        for name in NAMES:
            off = np.abs(getattr(model, name) - getattr(machine, name))
            held[name].append(float(np.mean(off <= getattr(width, name))))
    for name, shares in held.items():
        error = max(float(np.std(shares)), 0.05) / np.sqrt(DRAWS)
        assert np.mean(shares) == pytest.approx(0.95, abs=4 * error), name


def test_the_interval_of_a_change_holds_it_as_often_as_it_says_whatever_is_not_additive() -> None:
    rng = np.random.default_rng(12)
    held = []
    for _ in range(DRAWS):
        machine, moved = Machine(rng, twist=1.0), float(rng.uniform(-1, 1))
        one = machine.table(*apart(), rng, 0.1)
        machine.level = machine.level + moved
        found = pairs.compared(one, machine.table(*nested(rng), rng, 0.1))
        held.append(abs(found.level - abs(moved)) <= found.interval_change)
    assert np.mean(held) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / DRAWS))


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_the_same_machine_under_another_placement_stays_within_the_interval_of_its_model(seed: int) -> None:
    rng = np.random.default_rng(seed)
    machine = Machine(rng, twist=0.4)
    found = pairs.compared(machine.table(*apart(), rng, 0.05), machine.table(*nested(rng), rng, 0.05))
    assert found.within >= 0.95
    assert found.level <= found.interval_level


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None)
def test_what_moved_is_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    machine = Machine(rng, twist=0.4)
    one = machine.table(*apart(), rng, 0.05)
    machine.level = machine.level + 0.5
    machine.source = machine.source + 2.0 * (np.arange(SIZE) == 4)
    found = pairs.compared(one, machine.table(*apart(), rng, 0.05))
    assert found.level == pytest.approx(0.5 + 2.0 / SIZE, abs=0.03) and found.level > found.interval_level
    assert found.source == pytest.approx(2.0 * (SIZE - 1) / SIZE, abs=0.1)
    assert found.within < 1 and found.pairs == SIZE * (SIZE - 1)


def test_the_order_of_pairs_does_not_matter() -> None:
    rng = np.random.default_rng(5)
    one = Machine(rng).table(*apart(), rng, 0.1)
    back = pairs.Table(source=one.source[::-1], destination=one.destination[::-1], value=one.value[::-1])
    found = pairs.compared(one, back)
    assert found.level == pytest.approx(0, abs=1e-9) and found.within == 1


def test_no_interval_is_narrower_than_the_values_are_fine() -> None:
    s, d = apart()
    exact = pairs.Table(source=s, destination=d, value=np.full(s.size, 190.0))
    found = pairs.compared(exact, exact, resolution=1 / 64)
    assert found.interval_level == found.interval_effect == 1 / 64


def test_groups_too_small_to_judge_are_left_out() -> None:
    small = pairs.Table(source=np.array([0, 1]), destination=np.array([1, 0]), value=np.array([180.0, 181.0]))
    with pytest.raises(ValueError, match="large enough"):
        pairs.compared(small, small)
    strange = pairs.Table(source=np.array([2]), destination=np.array([3]), value=np.array([1.0]))
    with pytest.raises(ValueError, match="no pair in common"):
        pairs.compared(small, strange)


def test_a_pair_that_is_left_out_of_the_fit_does_not_widen_what_is_known_of_the_others() -> None:
    rng = np.random.default_rng(3)
    table = Machine(rng).table(*apart(), rng, 0.2)
    widths = []
    for gross in (0.0, 100.0):
        table.value[7] += gross
        model = pairs.additive(table.source, table.destination, table.value)
        widths.append(float(pairs.half_widths(model, table).level[0]))
    assert widths[1] == pytest.approx(widths[0], rel=0.1)
