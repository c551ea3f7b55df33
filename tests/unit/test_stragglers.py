"""Late ranks are found, and ranks that are alike are not accused: with the rates that docs/mpi.md states."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridstone
from gridstone.stragglers import FALSE_ALARMS, by_rank, by_visit, stragglers

REFERENCE = Path(__file__).parents[2] / "results/reference"
_USUAL = 10e-6
_OPERATIONS = 500
_VISIT, _VISITS = 100, 10  # operations of a visit, and how many there are


def _entered(rng: np.random.Generator, ranks: int) -> np.ndarray:
    """When ranks begin, with the long tails that interrupts leave: a scatter, and a delay once in fifty."""
    scatter = rng.lognormal(np.log(0.05 * _USUAL), 1.0, (_OPERATIONS, ranks))
    return scatter + (rng.random((_OPERATIONS, ranks)) < 0.02) * rng.exponential(5 * _USUAL, (_OPERATIONS, ranks))


def _lateness(entered: np.ndarray) -> np.ndarray:
    return entered - np.median(entered, axis=1, keepdims=True)


@pytest.mark.parametrize("ranks", [2, 4, 16])
def test_false_alarms_are_as_rare_as_stated(ranks: int) -> None:
    rng = np.random.default_rng(ranks)
    accused = sum(bool(stragglers(_lateness(_entered(rng, ranks)), _USUAL)) for _ in range(200))
    assert accused <= 200 * FALSE_ALARMS * 2.5  # 95 % of the time, if it is 1 %


@pytest.mark.parametrize("ranks", [2, 4, 16])
@pytest.mark.parametrize(("share", "delay", "least"), [(1.0, 0.5, 95), (0.2, 2.0, 95), (0.1, 5.0, 90)])
def test_injected_delays_are_found(ranks: int, share: float, delay: float, least: int) -> None:
    rng = np.random.default_rng(ranks)
    found = 0
    for _ in range(100):
        entered = _entered(rng, ranks)
        entered[:, 1] += (rng.random(_OPERATIONS) < share) * delay * _USUAL
        found += [one.rank for one in stragglers(_lateness(entered), _USUAL)] == [1]
    assert found >= least


def _visited(rng: np.random.Generator, ranks: int, share: float, delay: float) -> np.ndarray:
    """When ranks begin in ten visits, in each of which some of them are always behind the others."""
    entered = [_entered(rng, ranks)[:_VISIT] + rng.normal(0, 0.3 * _USUAL, ranks) for _ in range(_VISITS)]
    for visit in entered:
        visit[:, 1] += (rng.random(_VISIT) < share) * delay * _USUAL
    return np.concatenate(entered)


@pytest.mark.parametrize("ranks", [2, 4, 16])
@pytest.mark.parametrize(("share", "delay"), [(0.0, 0.0), (0.2, 2.0), (1.0, 2.0)])
def test_what_holds_for_a_whole_visit_accuses_nobody(ranks: int, share: float, delay: float) -> None:
    rng = np.random.default_rng(ranks)
    named = []
    for _ in range(100):
        late = _lateness(_visited(rng, ranks, share, delay))
        named.append([one.rank for one in stragglers(late, _USUAL, [_VISIT] * _VISITS)])
    if delay:
        assert sum(found == [1] for found in named) >= 95
    else:
        assert sum(map(bool, named)) <= 100 * FALSE_ALARMS * 2.5


@pytest.mark.parametrize(
    ("run", "probe", "delays"),
    [
        ("nvidia-h100-x4/20261126T084528Z-vm-4e7a", "nccl/variability", {2: 50e-6, 4: 50e-6}),
        ("nvidia-h200/20261126T042000Z-vm-afe7", "collective/variability", {}),
    ],
)
def test_of_real_runs_those_held_up_are_named_and_of_the_others_none(
    run: str, probe: str, delays: dict[int, float]
) -> None:
    rows = gridstone.load(REFERENCE / run)
    cells = rows[(rows["probe"] == probe) & (rows["status"] == "ok")].set_index("metric").groupby("cell_id")
    for _, cell in cells:
        kept, ranks, delay = cell.loc["lateness"], int(cell["ranks"].iloc[0]), float(cell["delay"].iloc[0])
        late = by_rank(kept["samples"], ranks)
        named = stragglers(late, cell.loc["time", "value"], by_visit(kept["visits"], ranks))
        if not delay:
            assert named == ()
            continue
        assert named[0].rank == ranks - 1
        if ranks in delays:
            assert [one.rank for one in named] == [ranks - 1]
            assert named[0].lateness == pytest.approx(delay, rel=0.1)


def test_it_is_said_how_late() -> None:
    late = np.zeros((100, 3))
    late[:, 2] = 4e-6
    (found,) = stragglers(late, _USUAL)
    assert (found.rank, found.share, found.lateness) == (2, 1.0, 4e-6)
    assert found.p == pytest.approx(3 * 3.0**-100)


def test_bursts_of_one_rank_after_the_other_are_no_stragglers() -> None:
    rng = np.random.default_rng(3)
    accused = 0
    for _ in range(200):
        late = np.zeros((_OPERATIONS, 4))
        for start in range(0, _OPERATIONS, 10):  # some rank is disturbed for ten operations on end
            late[start : start + 10, rng.integers(4)] = _USUAL
        accused += bool(stragglers(late, _USUAL))
    assert accused <= 10


@pytest.mark.parametrize(
    ("ranks", "operations", "most"),
    [(2, 100, 0.05), (4, 100, 0.05), (2, 1500, 0.06), (2, 500, 0.12), (4, 500, 0.06), (16, 500, 0.02)],
)
def test_few_long_bursts_accuse_as_rarely_as_stated(ranks: int, operations: int, most: float) -> None:
    """Of ranks that are alike one or the other is disturbed for some twenty operations on end, every eighty."""
    rng = np.random.default_rng(4)
    accused = 0
    for _ in range(200):
        late, start = 0.02 * _USUAL * rng.random((operations, ranks)), 0
        while (start := start + int(rng.exponential(60)) + 1) < operations:
            length = int(rng.exponential(20)) + 1
            late[start : start + length, rng.integers(ranks)] += rng.exponential(_USUAL)
            start += length
        accused += bool(stragglers(_lateness(late), _USUAL))
    assert accused <= 200 * most


@pytest.mark.parametrize("tail", [0.8, 1.1, 2.0])
def test_noise_without_a_mean_accuses_as_rarely(tail: float) -> None:
    rng = np.random.default_rng(5)
    noise = (0.02 * _USUAL * (rng.pareto(tail, (_OPERATIONS, 4)) + 1) for _ in range(200))
    assert sum(bool(stragglers(_lateness(one), _USUAL)) for one in noise) <= 5


def test_two_runs_that_happen_to_be_alike_prove_nothing() -> None:
    rng = np.random.default_rng(6)
    accused = 0
    for _ in range(200):
        late = 0.02 * _USUAL * rng.random((30, 2))
        for start in range(int(rng.integers(21)), 30, 25):
            late[start : start + 5, rng.integers(2)] += _USUAL
        accused += bool(stragglers(_lateness(late), _USUAL))
    assert accused <= 5


def test_one_burst_is_no_straggler_whatever_its_length() -> None:
    late = np.zeros((_OPERATIONS, 4))
    late[100:160, 2] = _USUAL
    assert stragglers(late, _USUAL) == ()


def test_thousands_of_operations_are_judged_too() -> None:
    late = np.zeros((100_000, 8))
    late[::3, 5] = _USUAL
    assert [one.rank for one in stragglers(late, _USUAL)] == [5]


@given(st.integers(2, 6), st.integers(1, 50))
def test_samples_are_kept_rank_by_rank(ranks: int, operations: int) -> None:
    late = np.arange(ranks * operations, dtype=float).reshape(operations, ranks)
    assert np.array_equal(by_rank(late.ravel().tolist(), ranks), late)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="5 samples are not those of 2 ranks"):
        by_rank([0.0] * 5, 2)
    with pytest.raises(ValueError, match=r"visits of \[3, 2\] operations are not those of 4"):
        stragglers(np.zeros((4, 2)), _USUAL, [3, 2])
    assert by_visit([6, 4], 2) == [3, 2]
    assert by_visit([6, 0, 4], 2) == [3, 2]  # a visit that gave no finite sample
    assert by_visit([5, 3], 2) is None
    with pytest.raises(ValueError, match="two ranks or more"):
        stragglers([[0.0], [0.0]], 1.0)
    assert stragglers(np.zeros((100, 4)), _USUAL) == ()
    assert stragglers(np.zeros((3, 4)), _USUAL) == ()
