"""Runs of gridstone on this machine's GPU, for tests that need one."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import gridstone
from gridstone.device import discover


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    machine = discover()
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            if machine.gpu is None:
                item.add_marker(pytest.mark.skip(reason=machine.no_gpu or "no GPU"))


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., pd.DataFrame]:
    """measure("probe", "-a", "axis=value", ...): the rows of a run of its own."""

    def run(*arguments: str) -> pd.DataFrame:
        folder = tmp_path_factory.mktemp("runs") / "run"
        command = [sys.executable, "-m", "gridstone", "run", *arguments, "--no-report", "--out", str(folder)]
        package = str(Path(gridstone.__file__).parents[1])
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([package, os.environ.get("PYTHONPATH", "")])}
        done = subprocess.run(command, capture_output=True, text=True, cwd=folder.parent, env=environment)
        assert done.returncode == 0, done.stderr[-2000:]
        return gridstone.load(folder)

    return run
