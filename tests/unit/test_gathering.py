"""How often a cell is visited: until its intervals are narrow, by share or by how narrow a metric asks to be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from gridstone.declaration import Machine, Metric, Samples, cell, observed, probe
from gridstone.measure import Taken
from gridstone.stats import Stopping
from gridstone.store import Row
from gridstone.worker import Crew, Failure, Gathering, Visit

MACHINE = Machine(host="node", cpu="a CPU", cores=2, memory=1 << 30)
SPREAD = 1.0  # standard deviation of what the processes of ScatteredCrew differ by


class ScatteredCrew:
    """Each visit is another process, whose samples are all alike: 100 cycles and some, and about half a cycle."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._visits = 0

    def visit(self, *_: object) -> Visit:
        self._visits += 1
        first, second = 100 + self._rng.normal(0, SPREAD), 0.5 + self._rng.normal(0, 0.1)
        found = {"first": np.full(5, first), "second": np.full(5, second)}
        taken = Taken(samples=Samples(observed=found), readings=(), verified=None)
        return Visit(taken=taken, work_s=0.001, process=self._visits, wall_s=0.001)


def visits(*measures: Metric, seed: int = 1) -> int:
    """How many visits a cell with these metrics gets in a pass."""

    @probe(None, runner="on_host", measures=list(measures))
    def latency(host: object) -> None:
        """A latency."""

    gathering = Gathering(cell=cell(latency, {}, "0"), compiled=None, stopping=Stopping(), machine=MACHINE, run_id="r")
    gathering.begin_pass()
    crew = cast(Crew, ScatteredCrew(seed))
    count = 0
    while not gathering.enough:
        gathering.visit(crew)
        count += 1
    return count


def test_without_a_width_of_its_own_the_first_metric_is_visited_for_a_share() -> None:
    assert visits(observed(name="first", unit="cycle")) == Stopping().least  # 1 % is a cycle
    assert visits(observed(name="second", unit="cycle")) == 100  # 1 % is 0.005 cycles: until the budget is spent


def test_a_metric_is_visited_until_its_interval_is_as_narrow_as_it_asks() -> None:
    rough, fine = (
        np.mean([visits(observed(name="first", unit="cycle", within=width), seed=seed) for seed in range(20)])
        for width in (1.0, 0.3)
    )
    assert Stopping().least <= rough < 10
    assert fine == pytest.approx((1.96 * SPREAD / 0.3) ** 2, rel=0.5)


def test_a_value_near_zero_needs_no_narrow_interval_by_ratio() -> None:
    assert visits(observed(name="second", unit="cycle", within=0.5)) == Stopping().least


def test_every_metric_that_asks_is_looked_at() -> None:
    first, second = observed(name="first", unit="cycle", within=0.3), observed(name="second", unit="cycle", within=0.5)
    assert visits(second, first) == visits(first)
    assert visits(second, observed(name="first", unit="cycle")) == Stopping().least


class FailingCrew(ScatteredCrew):
    """The visit after `good` ones fails."""

    def __init__(self, good: int) -> None:
        super().__init__(1)
        self._good = good

    def visit(self, *_: object) -> Visit | Failure:  # type: ignore[override]
        if self._visits == self._good:
            return Failure(status="crashed", reason="no answer", wall_s=2.0)
        return super().visit()


@pytest.mark.parametrize("good", [0, 1, 4])
def test_what_visits_gave_before_one_failed_is_kept(good: int) -> None:
    @probe(None, runner="on_host", measures=[observed(name="first", unit="cycle")])
    def latency(host: object) -> None:
        """A latency."""

    gathering = Gathering(cell=cell(latency, {}, "0"), compiled=None, stopping=Stopping(), machine=MACHINE, run_id="r")
    crew = cast(Crew, FailingCrew(good))
    gathering.begin_pass()
    for visit in range(good + 1):
        assert not gathering.failed
        if visit == 2:
            gathering.begin_pass()  # a pass whose first visits are good
        gathering.visit(crew)
    (row,) = gathering.outcome().rows
    assert gathering.failed and gathering.enough
    assert row.status == "crashed" and row.wall_s is not None and row.wall_s >= 2.0 + 0.001 * good
    assert len(row.samples) == 5 * good and sum(row.passes) == len(row.visits) == good
    assert (row.value is None) == (good == 0)
    words = {0: "no answer", 1: "no answer (values: 1 visit before)", 4: "no answer (values: 4 visits before)"}
    assert row.reason == words[good]


@probe(None, runner="on_host", measures=[observed(name="first", unit="cycle", within=0.3)])
def scattered(host: object) -> None:
    """A latency."""


def gathered(seed: int, before: Sequence[Row] = ()) -> Gathering:
    """A pass through a cell that is visited until its interval is narrow."""
    one = cell(scattered, {}, "0")
    gathering = Gathering(cell=one, compiled=None, stopping=Stopping(), machine=MACHINE, run_id="r", before=before)
    gathering.begin_pass()
    crew = cast(Crew, ScatteredCrew(seed))
    while not gathering.enough:
        gathering.visit(crew)
    return gathering


def test_an_added_pass_ends_where_all_passes_together_are_narrow() -> None:
    alone = gathered(11).outcome().rows
    first = gathered(4).outcome().rows
    (row,) = gathered(11, first).outcome().rows
    assert row.passes == [*first[0].passes, Stopping().least]
    assert alone[0].passes[0] > 10 * Stopping().least
    assert len(row.visits) == len(row.processes) == sum(row.passes)


@pytest.mark.parametrize("change", [{"host": "other"}, {"kernel_sha256": "1" * 64}, {"device_uuid": "GPU-1"}])
def test_a_pass_is_added_to_what_the_same_machine_gave_with_the_same_binary(change: dict[str, str]) -> None:
    first = gathered(1).outcome().rows
    assert gathered(2, first).continues
    assert not gathered(2, [replace(row, **change) for row in first]).continues
