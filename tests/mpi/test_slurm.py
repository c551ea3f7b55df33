"""In a Slurm job the same probes run unchanged, over srun."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import needing
import pytest
import slurm

import gridstone


@pytest.mark.parametrize("count", [2, 4])
def test_the_same_probes_run_in_a_job(tmp_path: Path, count: int) -> None:
    needing.mpich_and(slurm.missing())
    asked = ["pingpong/latency", "collective/barrier", "-a", "pingpong/latency.bytes=8,65536", "--profile", "quick"]
    asked += ["-a", "*.library=mpich", "-a", f"collective/barrier.ranks={count}"]
    run = [sys.executable, "-m", "gridstone", "run", *asked, "--no-report", "--out", str(tmp_path / "run")]
    with slurm.nodes(count, tmp_path) as environment:
        done = _said(["salloc", "-N", str(count), "-n", str(count), *run], environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    rows = gridstone.load(tmp_path / "run")
    times = rows[rows["metric"] == "time"]
    assert sorted(times["probe"]) == ["collective/barrier", "pingpong/latency", "pingpong/latency"]
    assert set(times["status"]) == {"ok"}, times["reason"].tolist()
    assert set(times["tier"]) == {"network"}


def test_a_job_that_is_cancelled_is_gone_on_with_in_another(tmp_path: Path) -> None:
    needing.mpich_and(slurm.missing())
    gridstone_run = [sys.executable, "-m", "gridstone", "run"]
    asked = ["pingpong/latency", "-a", "*.library=mpich", "--profile", "quick", "--no-report"]
    first = shlex.join([*gridstone_run, *asked, "--out", str(tmp_path / "run")])
    with slurm.nodes(2, tmp_path) as environment:
        batch = ["sbatch", "--parsable", "-N", "2", "-o", str(tmp_path / "job.log"), "--wrap", f"exec {first}"]
        job = _said(batch, environment).stdout.strip()
        assert slurm.until(lambda: any((tmp_path / "run").glob("*/parts/*/*/*.parquet")), 60)
        _said(["scancel", job], environment)
        assert slurm.until(lambda: _status(tmp_path / "run") == "interrupted", 20), (tmp_path / "job.log").read_text()
        assert "go on with: gridstone run --resume" in (tmp_path / "job.log").read_text()
        assert slurm.until(lambda: "CG" not in slurm.listed("squeue", "%t", environment), 20)
        before = gridstone.load(tmp_path / "run")
        (folder,) = (tmp_path / "run").iterdir()
        done = _said(["salloc", "-N", "2", *gridstone_run, "--resume", str(folder), "--no-report"], environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    after = gridstone.load(tmp_path / "run")
    assert _status(tmp_path / "run") == "complete" and set(after["status"]) == {"ok"}
    assert 0 < before["cell_id"].nunique() < after["cell_id"].nunique() == 25


def test_gridstone_is_not_started_on_every_node(tmp_path: Path) -> None:
    needing.mpich_and(slurm.missing())
    command = [sys.executable, "-m", "gridstone", "run", "pingpong/latency", "--out", str(tmp_path / "run")]
    with slurm.nodes(2, tmp_path) as environment:
        done = _said(["srun", "-N", "2", *command], environment)
    assert done.returncode == 3
    assert "srun has started 2 of this process" in done.stderr
    assert not (tmp_path / "run").exists()


def _said(words: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    package = str(Path(gridstone.__file__).parents[1])
    path = os.pathsep.join([package, environment.get("PYTHONPATH", "")])
    return subprocess.run(words, env={**environment, "PYTHONPATH": path}, capture_output=True, text=True, timeout=100)


def _status(out: Path) -> str:
    return str(next((json.loads(file.read_text())["status"] for file in out.glob("*/run.json")), "none"))
