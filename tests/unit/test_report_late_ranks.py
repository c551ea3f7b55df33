"""What the report says of ranks that come late, over MPI and NCCL: those that do are named, and no others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridstone import content
from gridstone.report.runs import select
from gridstone.store import Row, Run

_USUAL = 10e-6
_OPERATIONS = 500
_PLACES = {
    "collective": {"library": "mpich", "tier": "node", "collective": "allreduce"},
    "nccl": {"tier": "nvlink", "collective": "allreduce"},
}


def _lateness(rng: np.random.Generator, ranks: int, late: int | None, delay: float) -> np.ndarray:
    entered = rng.lognormal(np.log(0.05 * _USUAL), 1.0, (_OPERATIONS, ranks))
    if late is not None:
        entered[::5, late] += delay
    return entered - np.median(entered, axis=1, keepdims=True)


def _section(folder: Path, family: str, cells: list[tuple[int, float, int | None, float]], status: str = "ok") -> Any:
    """The section of a run with a cell of `ranks`, a `delay` that was asked for, and the rank that is late by how
    much."""
    rng = np.random.default_rng(3)
    run = Run(folder)
    for number, (ranks, delay, late, by) in enumerate(cells):
        axes = {**_PLACES[family], "ranks": ranks, "bytes": 8192, "delay": delay}
        samples = {"time": np.full(_OPERATIONS, _USUAL), "lateness": _lateness(rng, ranks, late, by).ravel()}
        run.write_cell(
            [
                Row(
                    run_id="run", probe=f"{family}/variability", cell_id=str(number), metric=metric, unit="s",
                    better="lower", axes=axes, status=status, value=_USUAL, lo=_USUAL, hi=_USUAL, n=x.size,
                    samples=x.tolist(), device="d", host="h",
                )
                for metric, x in samples.items()
            ]
        )  # fmt: skip
    run.write_info({"run_id": "run", "status": "complete", "started_utc": "2026-01-01T00:00:00+00:00"})
    run.compact()
    rows = select(folder).rows
    return content.load_module(content.folder("reports") / "sections" / f"{family}.py").section(rows)


@pytest.mark.parametrize("family", ["collective", "nccl"])
def test_no_rank_is_accused_of_noise_and_those_held_up_are_found(tmp_path: Path, family: str) -> None:
    found = _section(tmp_path, family, [(2, 0.0, None, 0.0), (4, 0.0, None, 0.0), (4, 50e-6, 3, 50e-6)])
    assert "In 2 cells no rank comes late to collectives more often than chance has it." in found.lead
    assert "Of 1 ranks that were held up on purpose for 50" in found.lead and "1 are named." in found.lead
    panel = found.panels[-1]
    assert "rank 3" in panel.svg and panel.svg.startswith("<table") and "1 % at most" in panel.caption


def test_a_rank_that_is_late_by_itself_is_named(tmp_path: Path) -> None:
    found = _section(tmp_path, "nccl", [(4, 0.0, 2, 30e-6), (2, 0.0, None, 0.0)])
    assert "In 1 of 2 cells a rank comes late" in found.lead
    assert "most of all rank 2 of 4 (nvlink, allreduce)" in found.lead


def test_cells_that_are_not_ok_accuse_nobody(tmp_path: Path) -> None:
    found = _section(tmp_path, "nccl", [(4, 0.0, 2, 30e-6)], status="unverified")
    assert "late" not in found.lead


def test_a_run_of_variability_alone_says_what_it_has(tmp_path: Path) -> None:
    assert _section(tmp_path / "ok", "collective", [(4, 0.0, None, 0.0)]).heading == (
        "Among ranks, a collective of 4 ranks takes 10 us"
    )
    unsound = _section(tmp_path / "not", "collective", [(4, 0.0, None, 0.0)], status="unverified")
    assert unsound.heading == "No collective of this run is ok"
