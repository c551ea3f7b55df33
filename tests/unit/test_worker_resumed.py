"""A resumed run makes the passes that its cells lack, and nothing that was measured is lost on the way."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plan_probes import NODE
from stand_in_crew import CELLS, PASSES, VISITS, StandInCrew, sitting

from gridstone.measure import finishing
from gridstone.store import Row, Run
from gridstone.worker import CellDone, CellVisited, Resuming, session

ALL = PASSES * VISITS * len(CELLS)
MEDIANS = ("sm_mhz", "power_w", "limit")
SECONDS = ("t_utc", "wall_s", "overhead_s")


@pytest.fixture
def crew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[StandInCrew]:
    """The stand-in, which has made no visit, in the place of the processes that measure."""
    StandInCrew.visits, StandInCrew.stopped, StandInCrew.failed = [], set(), {}
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(session, "Crew", StandInCrew)
    monkeypatch.setattr(session, "missing", lambda *_, **__: None)
    monkeypatch.setattr(session, "provenance", lambda _: {})
    monkeypatch.setattr(session.device, "other_processes", lambda *_: [])
    return StandInCrew


def rows(folder: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """What a run keeps of each cell and metric, without what takes another time each time."""
    kept = Run(folder).kept()
    found = {(row.cell_id, row.metric): vars(row) for of_cell in kept.values() for row in of_cell}
    return {
        key: {name: list(v) if isinstance(v, tuple) else v for name, v in row.items() if name not in SECONDS}
        for key, row in found.items()
    }


def status(folder: Path) -> str:
    return str(json.loads((folder / "run.json").read_text())["status"])


def interrupted(folder: Path, at: int, **more: Any) -> None:
    """A session that is stopped in its visit of this number, counted from now."""
    StandInCrew.stopped = {len(StandInCrew.visits) + at}
    with pytest.raises(KeyboardInterrupt):
        list(sitting(folder, **more).events())
    assert status(folder) == "interrupted"


def passes(folder: Path) -> list[int]:
    return sorted(len(row.passes) for of_cell in Run(folder).kept().values() for row in of_cell[:1])


@pytest.mark.parametrize("at", [1, 5, 9, 12, 13, 16, 21, ALL])
@pytest.mark.parametrize("compacted", [False, True])
def test_a_run_that_was_interrupted_ends_as_one_that_was_not(
    crew: type[StandInCrew], tmp_path: Path, at: int, compacted: bool
) -> None:
    list(sitting(tmp_path / "whole").events())
    whole = rows(tmp_path / "whole")
    folder = tmp_path / "halves" / "whole"
    interrupted(folder, at)
    if compacted:
        Run(folder).compact(finishing(1980.0))
    had = sum(passes(folder))
    before = len(crew.visits)
    list(sitting(folder, resume=True).events())
    assert len(crew.visits) - before == VISITS * (PASSES * len(CELLS) - had)
    assert status(folder) == "complete"
    assert rows(folder) == whole
    assert {row["status"] for row in whole.values()} == {"ok", "unverified", "throttled"}


def test_a_pass_is_added_in_a_single_pass_of_its_own(crew: type[StandInCrew], tmp_path: Path) -> None:
    interrupted(tmp_path / "run", ALL // 2 + 1)
    crew.visits.clear()
    list(sitting(tmp_path / "run", resume=True).events())
    assert len(crew.of_session) == 1
    assert Counter(crew.visits) == {(size, 1): VISITS for size in (1, 2, 3, 4)}


def test_progress_counts_every_pass_of_every_cell_once(crew: type[StandInCrew], tmp_path: Path) -> None:
    interrupted(tmp_path / "run", ALL - 1)
    had = passes(tmp_path / "run")
    assert set(had) == {1, 2}
    first, *events = list(sitting(tmp_path / "run", resume=True).events())
    assert first == Resuming(finished=had.count(2), short=had.count(1), done=sum(had), total=8)
    counted = [event for event in events if isinstance(event, CellDone | CellVisited)]
    assert {event.total for event in counted} == {8}
    assert [event.done for event in counted if isinstance(event, CellDone)] == list(range(sum(had) + 1, 9))


@pytest.mark.parametrize("at", [1, 2, 7])
def test_an_interrupt_of_the_added_pass_keeps_the_first(crew: type[StandInCrew], tmp_path: Path, at: int) -> None:
    list(sitting(tmp_path / "whole").events())
    folder = tmp_path / "halves" / "whole"
    interrupted(folder, ALL // 2 + 1)
    one_pass = rows(folder)
    interrupted(folder, at, resume=True)
    for key, row in rows(folder).items():
        assert len(row["passes"]) == 2 or row == one_pass[key]
    list(sitting(folder, resume=True).events())
    assert rows(folder) == rows(tmp_path / "whole")


@pytest.mark.parametrize("ending", ["timeout", "crashed", "skipped"])
@pytest.mark.parametrize("turn", [0, 1])
def test_a_cell_that_fails_in_the_added_pass_keeps_its_values(
    crew: type[StandInCrew], tmp_path: Path, turn: int, ending: str
) -> None:
    crew.failed = {(4, 1, turn): ending}
    list(sitting(tmp_path / "whole").events())
    folder = tmp_path / "halves" / "whole"
    interrupted(folder, ALL // 2 + 1)
    list(sitting(folder, resume=True).events())
    whole = rows(tmp_path / "whole")
    for key, row in rows(folder).items():  # of the passes the medians are known, and a mean of them is no median
        assert row | dict.fromkeys(MEDIANS) == whole[key] | dict.fromkeys(MEDIANS)
    failed = Run(folder).kept()[CELLS[3].cell_id]
    assert {(row.status, row.reason) for row in failed} == {
        (ending, f"no answer (values: {VISITS + turn} visits before)")
    }
    assert all(row.value is not None and row.wall_s is not None and row.wall_s >= 2.06 for row in failed)
    assert status(folder) == "complete"


@pytest.mark.parametrize("ending", ["timeout", "crashed", "skipped"])
def test_what_failed_or_was_skipped_is_not_visited_again(
    crew: type[StandInCrew], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    crew.failed = {(4, 0, 1): ending}
    monkeypatch.setattr(session, "missing", lambda one, *_, **__: "no" if one.axes["size"] == 1 else None)
    interrupted(tmp_path / "run", VISITS * 3)
    crew.visits.clear()
    list(sitting(tmp_path / "run", resume=True).events())
    assert not {size for size, _ in crew.visits} & {1, 4}
    assert status(tmp_path / "run") == "complete"


def test_a_run_whose_budget_ends_between_the_passes_is_partial(
    crew: type[StandInCrew], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(sitting(tmp_path / "whole").events())
    folder = tmp_path / "halves" / "whole"
    crew.visits.clear()
    monkeypatch.setattr(session, "time", SimpleNamespace(monotonic=lambda: len(crew.visits)))
    bounded = sitting(folder, budget_s=ALL / 2 - 1)
    events = list(bounded.events())
    assert (bounded.tally.left, bounded.tally.short, bounded.tally.complete) == (0, len(CELLS), False)
    assert events[-1].done == len(CELLS)
    assert status(folder) == "partial"
    assert not (folder / "parts").exists()
    assert set(passes(folder)) == {1}
    list(sitting(folder, resume=True).events())
    assert status(folder) == "complete"
    assert rows(folder) == rows(tmp_path / "whole")


@pytest.mark.parametrize(
    "machine",
    [replace(NODE, gpu=replace(NODE.gpu, uuid="GPU-2")), replace(NODE, gpu=None)],  # type: ignore[type-var]
)
def test_another_device_adds_no_pass_to_what_this_one_gave(
    crew: type[StandInCrew], tmp_path: Path, machine: Any
) -> None:
    folder = tmp_path / "run"
    interrupted(folder, ALL // 2 + 1)
    before, made = rows(folder), len(crew.visits)
    there = sitting(folder, resume=True, machine=machine)
    list(there.events())
    assert len(crew.visits) == made
    assert rows(folder) == before
    assert there.tally.short == len(CELLS) and status(folder) == "partial"


def test_a_machine_that_can_no_longer_measure_a_cell_leaves_its_rows(
    crew: type[StandInCrew], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "run"
    interrupted(folder, ALL // 2 + 1)
    before = rows(folder)
    monkeypatch.setattr(session, "missing", lambda *_, **__: "no such library")
    list(sitting(folder, resume=True).events())
    assert rows(folder) == before
    assert status(folder) == "partial"


def test_rows_from_before_passes_were_counted_are_left_alone(crew: type[StandInCrew], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    interrupted(folder, ALL // 2 + 1)
    for of_cell in Run(folder).kept().values():
        Run(folder).write_cell([replace(row, passes=[]) for row in of_cell])
    before = rows(folder)
    made = len(crew.visits)
    list(sitting(folder, resume=True).events())
    assert len(crew.visits) == made
    assert rows(folder) == before
    assert status(folder) == "complete"


def test_a_cell_without_any_sample_gets_both_passes_and_is_done(
    crew: type[StandInCrew], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def row_of(folder: Path) -> Row:
        return Run(folder).kept()[CELLS[0].cell_id][0]

    visit = crew.visit

    def nothing(self: StandInCrew, *words: Any) -> Any:
        made = visit(self, *words)
        samples = replace(made.taken.samples, cycles=np.full(5, np.nan))  # type: ignore[union-attr]
        return replace(made, taken=replace(made.taken, samples=samples))  # type: ignore[union-attr]

    monkeypatch.setattr(crew, "visit", nothing)
    folder = tmp_path / "run"
    interrupted(folder, ALL // 2 + 1)
    assert (row_of(folder).status, row_of(folder).passes) == ("unverified", [VISITS])
    list(sitting(folder, resume=True).events())
    assert (row_of(folder).value, row_of(folder).passes) == (None, [VISITS, VISITS])
    made = len(crew.visits)
    list(sitting(folder, resume=True).events())
    assert len(crew.visits) == made
