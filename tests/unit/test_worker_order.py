"""What a session does when: processes open while kernels compile, results are kept while the GPU goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plan_probes import NODE

from gridstone.declaration import Need, Samples, cell, cores, probe, seconds
from gridstone.measure import Taken
from gridstone.stats import Stopping
from gridstone.store import Row, Run
from gridstone.worker import Failure, Session, Visit, crew, session
from gridstone.worker.crew import Child, Crew

log: list[str] = []


class NotedCrew:
    """Processes that are none: what is asked of them is noted, with the number of the crew."""

    made = 0
    interrupted_at = 0

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

    def visit(self, one: Any, _samples: int, _cubin: object, _turn: int, meanwhile: Callable[[], None]) -> Visit:
        log.append(f"{self._number} visit {one.probe.runner}")
        if log.count(log[-1]) == self.interrupted_at:
            raise KeyboardInterrupt
        meanwhile()
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


def three(tmp_path: Path) -> Session:
    """A pass through three cells of one GPU, each of which is visited once."""

    def work(gpu: object, size: int) -> None:
        """Some work."""

    made = probe("latency/pointer_chase.cu", family="first", size=[1, 2, 3], measures=seconds())(work)
    cells = [cell(made, {"size": size}, "source") for size in (1, 2, 3)]
    stopping = Stopping(least=1, most=1, passes=1)
    return Session(cells=cells, folder=tmp_path / "run", machine=NODE, request={}, stopping=stopping)


def test_what_a_visit_gave_is_kept_while_the_next_one_is_made(
    noted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keep(_: Run, rows: list[Row]) -> None:
        log.append("keep")

    monkeypatch.setattr(Run, "write_cell", keep)
    list(three(tmp_path).events())
    visit = "1 visit on_cupy"
    assert noted[2:8] == [visit, visit, "keep", visit, "keep", "keep"]


@pytest.mark.parametrize("interrupted_at", [1, 2, 3])
def test_an_interrupt_in_a_visit_keeps_what_those_before_gave(
    noted: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interrupted_at: int
) -> None:
    monkeypatch.setattr(NotedCrew, "interrupted_at", interrupted_at)
    session = three(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        list(session.events())
    assert len(Run(tmp_path / "run").kept()) == interrupted_at - 1


@pytest.mark.parametrize(
    ("runner", "needs", "there", "order"),
    [
        ("on_cupy", [], 4, "sent meanwhile"),
        ("on_cupy", [], 1, "meanwhile sent"),
        ("on_cupy", [cores(lambda _: 4)], 4, "meanwhile sent"),
        ("on_host", [], 4, "meanwhile sent"),
    ],
)
def test_hosts_are_left_in_peace_while_they_measure(
    tmp_path: Path, runner: str, needs: list[Need], there: int, order: str
) -> None:
    def work(gpu: object) -> None:
        """Some work."""

    taken = Taken(samples=Samples(seconds=np.ones(5), work=1.0), readings=(), verified=None)
    seen: list[str] = []

    def visit(_job: object, _timeout_s: float, meanwhile: Callable[[], None]) -> Visit:
        seen.append("sent")
        meanwhile()
        return Visit(taken=taken, work_s=0.1, process=1, wall_s=0.1)

    one = cell(probe(None, family="first", runner=runner, needs=needs, measures=seconds())(work), {}, "source")
    team = Crew(machine=replace(NODE, cores=there), log_dir=tmp_path)
    known = SimpleNamespace(
        begun=True,
        gpu_use=None,
        process=SimpleNamespace(poll=lambda: None),
        begin=lambda: None,
        open=lambda: None,
        pause=lambda: None,
        wake=lambda: None,
        visit=visit,
    )
    for number in range(3):
        team._children[runner, number] = known  # type: ignore[assignment]
    team.visit(one, 5, meanwhile=lambda: seen.append("meanwhile"))
    assert " ".join(seen) == order


@pytest.mark.parametrize("beside_s", [0.0, 2.0, 3.0, 50.0])
def test_a_visit_takes_no_longer_because_other_cells_are_kept_beside_it(
    monkeypatch: pytest.MonkeyPatch, beside_s: float
) -> None:
    taken = Taken(samples=Samples(seconds=np.ones(5), work=1.0), readings=(), verified=None)
    now, sent_at = 100.0, 0.0

    def tell(_: object) -> None:
        nonlocal sent_at
        sent_at = now

    def meanwhile() -> None:
        nonlocal now
        now += beside_s

    def answer(_: float) -> Visit:
        nonlocal now
        now = max(now, sent_at + 3.0) + 0.25
        return Visit(taken=taken, work_s=3.0, process=1)

    child = object.__new__(Child)
    child._tell, child._answer = tell, answer  # type: ignore[assignment, method-assign]
    monkeypatch.setattr(crew.time, "perf_counter", lambda: now)
    given = child.visit(None, 60.0, meanwhile)  # type: ignore[arg-type]
    assert not isinstance(given, Failure) and given.wall_s == pytest.approx(3.25)
