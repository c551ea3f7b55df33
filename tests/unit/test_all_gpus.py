"""Cells that take every GPU: which of them a process sees, who holds the locks, and whose memory it is meanwhile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from plan_probes import NODE

from gridstone.declaration import cell
from gridstone.errors import NothingMeasured
from gridstone.plan import missing
from gridstone.plan.catalogue import load_probes
from gridstone.worker import Crew, gpu_lock
from gridstone.worker.blocks import blocks
from gridstone.worker.job import Start

TWO = replace(NODE, gpus=2, uuids=("GPU-b", "GPU-a"))
OURS = [probe for probe in load_probes() if probe.family in ("peer", "nccl")]


def _locks(uuid: str) -> Any:
    assert NODE.gpu is not None
    return gpu_lock(replace(NODE, gpu=replace(NODE.gpu, uuid=uuid)))


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Locks of this test only."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def test_a_session_of_all_gpus_holds_the_lock_of_each() -> None:
    with gpu_lock(TWO, all_gpus=True):
        for uuid in TWO.uuids:
            with pytest.raises(NothingMeasured, match=uuid), _locks(uuid):
                pass
    for uuid in TWO.uuids:
        with _locks(uuid):
            pass


def test_one_gpu_that_is_busy_is_named_and_the_others_are_let_go() -> None:
    with _locks("GPU-b"):
        with pytest.raises(NothingMeasured, match="GPU-b"), gpu_lock(TWO, all_gpus=True):
            pass
        with _locks("GPU-a"):
            pass


def test_a_gpu_that_is_busy_is_not_called_by_the_name_of_another() -> None:
    assert NODE.gpu is not None
    one, other = replace(NODE, uuids=(NODE.gpu.uuid,)), replace(NODE, uuids=(NODE.gpu.uuid, "GPU-b"))
    with _locks(NODE.gpu.uuid), pytest.raises(NothingMeasured) as mine, gpu_lock(one, all_gpus=True):
        pass
    assert str(mine.value).startswith(f"{NODE.gpu.name} ({NODE.gpu.uuid}) is being measured")
    assert "--device" in str(mine.value)
    with _locks("GPU-b"), pytest.raises(NothingMeasured) as its, gpu_lock(other, all_gpus=True):
        pass
    assert str(its.value).startswith("the GPU GPU-b, one of several that this run measures, is being measured")
    assert NODE.gpu.name not in str(its.value)


def test_a_process_sees_the_gpus_that_its_runner_uses() -> None:
    start = Start(machine=TWO, runner=Path("r.py"), on_gpu=True)
    assert NODE.gpu is not None
    assert start.gpus == (NODE.gpu.uuid,)
    assert replace(start, all_gpus=True).gpus == ("GPU-b", "GPU-a")
    assert replace(start, all_gpus=True, machine=NODE).gpus == (NODE.gpu.uuid,)
    assert replace(start, machine=replace(NODE, gpu=None)).gpus == ()


def test_cells_of_ranks_and_of_all_gpus_come_after_those_of_one_and_those_that_heat_it_last() -> None:
    some = [
        SimpleNamespace(
            cell=SimpleNamespace(gpu_use=use, axes={"regime": regime} if regime else {}),
            number=number,
        )
        for number, (use, regime) in enumerate(
            [("all", None), ("one", "sustained"), ("one", None), ("ranks", None), ("all", None), (None, "burst")]
        )
    ]
    parts = [[one.number for one in part] for part in blocks(some)]  # type: ignore[arg-type]
    assert parts == [[2, 5], [1], [3], [0, 4]]


@pytest.mark.parametrize(
    ("runner", "memory", "use"),
    [
        ("on_cupy", None, "one"),
        ("on_mpi", "host", None),
        ("on_mpi", "device", "ranks"),
        ("on_nccl", None, "all"),
        ("on_host", None, None),
    ],
)
def test_a_cell_says_what_it_has_the_memory_of_the_gpu_for(runner: str, memory: str | None, use: str | None) -> None:
    probe = replace(OURS[0], runner=runner)
    assert cell(probe, {"memory": memory} if memory else {}, "source").gpu_use == use


def test_processes_of_different_use_do_not_share_the_memory(tmp_path: Path) -> None:
    ended: list[str] = []
    crew = Crew(machine=TWO, log_dir=tmp_path)
    for name, use in (("on_cupy", "one"), ("on_mpi", "ranks"), ("on_host", None), ("on_nccl", "all")):
        child = SimpleNamespace(gpu_use=use, kill=lambda name=name: ended.append(name))
        crew._children[name, 0] = child  # type: ignore[assignment]
    crew._make_room("ranks")
    assert ended == ["on_cupy", "on_nccl"]
    crew._make_room("one")
    assert ended == ["on_cupy", "on_nccl", "on_mpi"]
    assert list(crew._children) == [("on_host", 0)]
    crew._children.clear()


@pytest.mark.parametrize("gpus", [0, 1])
def test_without_several_gpus_every_cell_says_why_it_is_skipped(gpus: int) -> None:
    machine = replace(NODE, gpus=gpus, packages=("cupy", "cuda"))
    if not gpus:
        machine = replace(machine, gpu=None, no_gpu="no NVIDIA driver found")
    for probe in OURS:
        for profile in ("quick", "standard"):
            for axes in probe.points(profile):
                reason = missing(SimpleNamespace(probe=probe, axes=axes), machine)  # type: ignore[arg-type]
                wanted = f"needs {{}} GPUs, {gpus} visible" if gpus else "no NVIDIA driver found"
                assert reason is not None
                assert any(reason.startswith(wanted.format(count)) for count in range(2, 65)), (probe.name, reason)
