"""What `gridstone run --resume` says of a run whose cells have had the first of two passes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from finished_run import finished_run
from said_by_cli import Said

from gridstone.store import Run


@pytest.fixture
def halfway(tmp_path: Path, bench: Path) -> Run:
    """Four cells, three of which have had one pass, measured on this machine."""
    run = finished_run(tmp_path / "R", bench)
    for number, rows in enumerate(run.kept().values()):
        run.write_cell([replace(row, passes=[1, 1] if number == 0 else [2]) for row in rows])
    return run


def test_a_dry_run_lists_what_lacks_a_pass(said: Said, halfway: Run) -> None:
    code, out, _ = said("run", "--resume", str(halfway.folder), "--dry-run")
    assert code == 0
    assert out.splitlines()[-2:] == ["1 cell is finished, 3 lack a pass", "3 cells to measure, 0 to skip, seed 1"]
    _, out, _ = said("run", "--resume", str(halfway.folder), "--dry-run", "--json")
    document = json.loads(out)
    assert [record["passes"] for record in document["run"]] == [1, 1, 1]
    assert document["skip"] == []


def test_a_spent_budget_tells_what_lacks_a_pass(said: Said, halfway: Run) -> None:
    words = ("run", "--resume", str(halfway.folder), "--no-report", "--budget", "1us")
    code, out, error = said(*words)
    assert code == 0
    assert f"budget spent, 0 cells left, 3 lack a pass: gridstone run --resume {halfway.folder}" in out
    assert "1 cell is finished, 3 lack a pass" in error
    _, out, _ = said(*words, "--json")
    document = json.loads(out)
    assert (document["left"], document["lack_pass"]) == (0, 3)
    assert halfway.info()["status"] == "partial"


@pytest.mark.parametrize("budget", [(), ("--budget", "10m")])
def test_what_was_measured_elsewhere_is_said_to_lack_a_pass_for_good(
    said: Said, halfway: Run, budget: tuple[str, ...]
) -> None:
    for rows in halfway.kept().values():
        halfway.write_cell([replace(row, host="elsewhere") for row in rows])
    code, out, _ = said("run", "--resume", str(halfway.folder), "--no-report", *budget)
    assert code == 0
    assert "3 cells lack a pass that cannot be added here" in out
    assert {row.status for rows in halfway.kept().values() for row in rows} == {"ok"}
    assert halfway.info()["status"] == "partial"
