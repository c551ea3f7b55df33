"""A cell that fails, in whichever way, costs itself and nothing else."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from faulty_cells import FAULTS, MACHINE, RUNNER, alive, cells_of, environment, written

import gridstone
from gridstone import content
from gridstone.declaration import Cell, cell, probe, seconds
from gridstone.plan.catalogue import load_probes
from gridstone.stats import PROFILES
from gridstone.worker import CellDone, Crew, Session, Visit
from gridstone.worker.job import Failure

HELPER = "GRIDSTONE_TEST_HELPER"
_GPU_RUNNERS = ("on_cupy", "on_peers")  # of one GPU, and of all


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a small runner, where the children of this module find it."""
    folder = tmp_path_factory.mktemp("isolation")
    load_probes()  # declarations may load runners of their own, which are not in this folder
    runners = written(folder / "runners", on_host=RUNNER)
    known = content.folder
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(content, "folder", lambda name: runners if name == "runners" else known(name))
        patch.setenv(HELPER, str(folder / "helper"))
        yield folder


def faulty(place: Path) -> list[Cell]:
    return cells_of(written(place / "faults", faults=FAULTS), "faults")


def sound(place: Path) -> Cell:
    return next(cell for cell in faulty(place) if cell.axes["fault"] == "none")


@pytest.fixture(scope="module")
def rows(place: Path) -> pd.DataFrame:
    cells = faulty(place)
    folder = place / "run"
    session = Session(
        cells=cells, folder=folder, machine=MACHINE, request={}, stopping=PROFILES["quick"], timeout_s=2.0
    )
    done = [event.cell.cell_id for event in session.events() if isinstance(event, CellDone)]
    assert set(done) == {cell.cell_id for cell in cells}
    assert len(done) == len(cells) + 2  # those that give a number are measured again in the second pass
    ends = {"ok": 1, "unverified": 1, "timeout": 1, "skipped": 1}
    assert session.tally.counts == ends | {"crashed": len(cells) - 4}
    return gridstone.load(folder)


@pytest.mark.parametrize(
    ("fault", "status", "reason"),
    [
        ("segfault", "crashed", "the measuring process was killed by SIGSEGV"),
        ("nameless_signal", "crashed", "the measuring process was killed by signal 39"),
        ("out_of_memory", "crashed", "MemoryError"),
        (
            "memory_killer",
            "crashed",
            "the measuring process was killed by SIGKILL (the system does so where memory runs out)",
        ),
        ("raise", "crashed", "ValueError: no such thing"),
        ("many_lines", "crashed", "ValueError: " + 400 * "x"),
        ("end_of_file", "crashed", "EOFError: the file is empty"),
        ("exit", "crashed", "SystemExit: 3"),
        ("silent_end", "crashed", "the measuring process ended with exit code 0"),
        ("hang", "timeout", "no answer within 2 s"),
        ("nothing", "crashed", "TypeError: faults/cell returned a NoneType and no work to time"),
        ("unavailable", "skipped", "needs a full moon"),
    ],
)
def test_a_fault_leaves_its_status_and_reason(rows: pd.DataFrame, fault: str, status: str, reason: str) -> None:
    of_fault = rows[rows["fault"] == fault]
    assert of_fault["metric"].tolist() == ["time", "bandwidth"]
    assert set(of_fault["status"]) == {status}
    assert set(of_fault["reason"]) == {reason}
    assert of_fault["value"].isna().all()


@pytest.mark.parametrize(("fault", "status"), [("none", "ok"), ("wrong_result", "unverified")])
def test_the_cells_beside_them_are_measured(rows: pd.DataFrame, fault: str, status: str) -> None:
    of_fault = rows[rows["fault"] == fault]
    assert set(of_fault["status"]) == {status}
    assert of_fault["value"].notna().all()


def test_each_cell_has_one_row_per_metric(rows: pd.DataFrame) -> None:
    assert not rows.duplicated(["cell_id", "metric"]).any()
    assert len(rows) == 2 * rows["cell_id"].nunique() == 2 * rows["fault"].nunique()


def test_what_a_hanging_cell_has_started_ends_with_it(rows: pd.DataFrame, place: Path) -> None:
    assert not alive(int((place / "helper").read_text()))


def measured(place: Path, cell: Cell, name: str) -> Failure:
    with Crew(machine=MACHINE, log_dir=place / name, timeout_s=2.0) as crew:
        answer = crew.visit(cell, 1)
    assert isinstance(answer, Failure)
    return answer


@pytest.mark.parametrize(
    ("runner", "reason"),
    [
        ("raise OSError('no device')", "OSError: no device"),
        ("import os; os.abort()", "the measuring process was killed by SIGABRT"),
    ],
)
def test_a_runner_that_does_not_start(place: Path, monkeypatch: pytest.MonkeyPatch, runner: str, reason: str) -> None:
    cell = sound(place)
    broken = written(place / "broken", on_host=runner)
    monkeypatch.setattr(content, "folder", lambda name: broken)
    answer = measured(place, cell, "broken")
    assert answer.status == "crashed"
    assert reason in answer.reason


def test_output_of_a_cell_goes_to_its_log(place: Path, rows: pd.DataFrame) -> None:
    log = (place / "run" / "logs" / "on_host.log").read_text()
    assert "no such thing" in log
    assert "Segmentation fault" in log


def test_a_child_whose_parent_is_gone_already_does_not_stay() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-m", "gridstone.worker.child", str(theirs.fileno()), str(os.getpid() + 1)]
        ended = subprocess.run(command, pass_fds=[theirs.fileno()], env=environment(), timeout=60)
    assert ended.returncode == 0


def test_a_child_ends_when_its_parent_hangs_up(place: Path) -> None:
    crew = Crew(machine=MACHINE, log_dir=place / "left")
    crew.visit(sound(place), 1)
    (child,) = crew._children.values()
    child.connection.close()
    assert child.process.wait(60) == 0


def body(gpu: object) -> None:
    """Never called: there is no GPU."""


NOTING = """
import os, sys
from contextlib import contextmanager

print("loaded", flush=True)

@contextmanager
def context(machine):
    print("opened", flush=True)
    yield
"""


def test_a_process_that_is_not_opened_takes_nothing_and_ends_without_a_word(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = sound(place)
    noting = written(place / "noting", on_host=NOTING)
    monkeypatch.setattr(content, "folder", lambda name: noting)
    crew = Crew(machine=MACHINE, log_dir=place / "prepared")
    with crew:
        (key,) = crew.prepare(cell)
        child = crew._children[key]
        child.connection.close()  # as when the parent is gone
        assert child.process.wait(20) == 0
    assert (place / "prepared" / "on_host.log").read_text() == "loaded\n"
    with Crew(machine=MACHINE, log_dir=place / "opened") as crew:
        (key,) = crew.open(cell)
        assert crew._children[key].open() is None
    assert (place / "opened" / "on_host.log").read_text() == "loaded\nopened\n"


def test_processes_that_are_loaded_ahead_wait_for_cells_of_their_own(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = sound(place)
    runners = written(place / "ahead", on_host=RUNNER, on_cupy=NOTING, on_peers=NOTING)
    monkeypatch.setattr(content, "folder", lambda name: runners)
    one, everyone = (cell(probe(None, runner=runner, measures=seconds())(body), {}, "0") for runner in _GPU_RUNNERS)
    with Crew(machine=MACHINE, log_dir=place / "ahead") as crew:
        team = crew.prepare(one)
        waiting = [crew._children[key] for key in team]
        assert isinstance(crew.visit(here, 1), Visit)
        assert not any(child.begun for child in waiting)
        waiting[0].kill()
        assert crew.prepare(one) == team and crew._children[team[0]] is not waiting[0]  # another takes its place
        waiting[0] = crew._children[team[0]]
        crew.visit(everyone, 1)
        assert all(child.process.poll() is not None for child in waiting)
        assert not crew._children.keys() & set(team)
    assert "opened" not in "".join((place / "ahead" / f"on_cupy-{n}.log").read_text() for n in range(len(team)))
