"""What several tests of units share."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from finished_run import finished_run, sample_bench
from plan_probes import HOST_ONLY
from said_by_cli import Said, speaking

import gridstone.device
from gridstone.store import Run


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures stay empty, which are most of a chapter's time: for tests of what stands beside them alone."""
    for name in ("dots", "fields", "heat", "lines"):
        module = importlib.import_module(f"gridstone.figure.{name}")
        monkeypatch.setattr(module, "draw", lambda paint, *, size, alt: "<svg></svg>")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bench: Path) -> Said:
    """Commands run in an empty folder on a machine without a GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gridstone.device, "discover", lambda _: HOST_ONLY)
    return speaking(capsys, bench)


@pytest.fixture
def complete(tmp_path: Path, bench: Path) -> Run:
    run = finished_run(tmp_path / "R", bench)
    run.compact()
    return run
