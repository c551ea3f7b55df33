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
    """Processes that are none: what is asked of them is noted."""

    def __init__(self, **_: object) -> None:
        pass

    def __enter__(self) -> NotedCrew:
        log.append("crew")
        return self

    def __exit__(self, *_: object) -> None:
        log.append("gone")

    def prepare(self, one: Any) -> None:
        log.append(f"open {one.probe.runner}")

    def visit(self, one: Any, *_: object) -> Visit:
        log.append(f"visit {one.probe.runner}")
        taken = Taken(samples=Samples(seconds=np.ones(5), work=1.0), readings=(), verified=None)
        return Visit(taken=taken, work_s=0.1, process=1, wall_s=0.1)


def noted_compiling(*_: object) -> Iterator[tuple[int, int]]:
    log.append("compile")
    yield 0, 1
    return {}


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    log.clear()
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
    opened = noted.index("compile")
    assert noted[:opened] == ["crew", "open on_cupy"]
    a_pass = sorted(["visit on_cupy", "visit on_cupy", "visit on_host"])
    first, second = (noted[opened + 1 :][at : at + 3] for at in (0, 5))
    assert sorted(first) == sorted(second) == a_pass
    assert noted[opened + 4 : opened + 6] == ["gone", "crew"] and noted[-1] == "gone"
