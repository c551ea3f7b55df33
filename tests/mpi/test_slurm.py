"""In a Slurm job the same probes run unchanged, over srun."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import slurm

import gridstone
from gridstone import ranks


@pytest.mark.parametrize("count", [2, 4])
def test_the_same_probes_run_in_a_job(tmp_path: Path, count: int) -> None:
    reason = slurm.missing()
    if reason is not None:
        pytest.skip(reason)
    if "mpich" not in ranks.installations():
        pytest.skip(ranks.absent("mpich", sorted(ranks.installations())))
    pytest.importorskip("mpi4py")
    asked = ["pingpong/latency", "collective/barrier", "-a", "pingpong/latency.bytes=8,65536", "--profile", "quick"]
    asked += ["-a", "*.library=mpich", "-a", f"collective/barrier.ranks={count}"]
    run = [sys.executable, "-m", "gridstone", "run", *asked, "--no-report", "--out", str(tmp_path / "run")]
    package = str(Path(gridstone.__file__).parents[1])
    with slurm.nodes(count, tmp_path) as environment:
        path = os.pathsep.join([package, environment.get("PYTHONPATH", "")])
        done = subprocess.run(
            ["salloc", "-N", str(count), "-n", str(count), *run],
            env={**environment, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    rows = gridstone.load(tmp_path / "run")
    times = rows[rows["metric"] == "time"]
    assert sorted(times["probe"]) == ["collective/barrier", "pingpong/latency", "pingpong/latency"]
    assert set(times["status"]) == {"ok"}, times["reason"].tolist()
    assert set(times["tier"]) == {"network"}
