"""What a session does when: processes open while kernels compile, and each pass has its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plan_probes import NODE

from gridstone.declaration import Samples, cell, probe, seconds
from gridstone.measure import Taken
from gridstone.stats import Stopping
from gridstone.worker import Session, Visit, session

log: list[str] = []


class NotedCrew:
    """Processes that are none: what is asked of them is noted, with the number of the crew."""

    made = 0

    def __init__(self, **_: object) -> None:
        NotedCrew.made += 1
        self._number = NotedCrew.made

    def __enter__(self) -> NotedCrew:
        return self

    def __exit__(self, *_: object) -> None:
        log.append(f"{self._number} gone")

    def open(self, one: Any) -> None:
        log.append(f"{self._number} open {one.probe.runner}")

    def prepare(self, one: Any) -> None:
        log.append(f"{self._number} load {one.probe.runner}")

    def visit(self, one: Any, *_: object) -> Visit:
        log.append(f"{self._number} visit {one.probe.runner}")
        taken = Taken(samples=Samples(seconds=np.ones(5), work=1.0), readings=(), verified=None)
        return Visit(taken=taken, work_s=0.1, process=1, wall_s=0.1)


def noted_compiling(*_: object) -> Iterator[tuple[int, int]]:
    log.append("compile")
    yield 0, 1
    return {}


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    log.clear()
    NotedCrew.made = 0
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(session, "Crew", NotedCrew)
    monkeypatch.setattr(session, "compiling", noted_compiling)
    monkeypatch.setattr(session, "missing", lambda *_, **__: None)
    monkeypatch.setattr(session, "provenance", lambda _: {})
    monkeypatch.setattr(session.device, "other_processes", lambda *_: [])
    return log


def test_processes_of_the_gpu_open_while_kernels_compile(noted: list[str], tmp_path: Path) -> None:
    def work(gpu: object) -> None:
        """Some work."""

    probes = [
        probe("latency/pointer_chase.cu", family="first", measures=seconds())(work),
        probe("latency/pointer_chase.cu", family="second", measures=seconds())(work),
        probe(None, family="third", runner="on_host", measures=seconds())(work),
    ]
    stopping = Stopping(least=1, most=1, passes=2)
    cells = [cell(one, {}, "source") for one in probes]
    list(Session(cells=cells, folder=tmp_path / "run", machine=NODE, request={}, stopping=stopping).events())
    assert noted[:3] == ["1 open on_cupy", "2 load on_cupy", "compile"]
    for number, at in ((1, 3), (2, 7)):
        visits = [f"{number} visit on_cupy", f"{number} visit on_cupy", f"{number} visit on_host"]
        assert sorted(noted[at : at + 3]) == visits
        assert noted[at + 3] == f"{number} gone"  # before the next ones open: each takes a share of the memory
