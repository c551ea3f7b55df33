"""Probes of ranks with GPUs, on a stand-in for CuPy whose device memory is the host's: all but the GPU is real."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridstone import content, ranks
from gridstone.declaration import Gpu, Machine, Probe, cell
from gridstone.plan import missing
from gridstone.plan.catalogue import load_probes
from gridstone.ranks import attempts
from gridstone.worker import Crew, Failure, Visit

_STAND_IN = Path(__file__).parent / "stand_in"
_GPU = Gpu(
    name="Stand-in GPU",
    uuid="GPU-0",
    compute_capability=(9, 0),
    memory=80 << 30,
    multiprocessors=132,
    sm_hz_max=2e9,
    mem_hz_max=2e9,
    bus_bits=5120,
    l2=50 << 20,
    pcie_gen=5,
    pcie_width=16,
)
_LAYOUT = {"bytes": 4096, "block": 8, "stride": 24}
_CASES: list[tuple[str, dict[str, Any]]] = [
    ("pingpong/latency", {"bytes": 5}),
    ("pingpong/latency", {"bytes": 1 << 17}),
    *(("pingpong/stream", {"bytes": 768, "direction": way}) for way in ("one", "both")),
    *(("pingpong/strided", {"method": way, **_LAYOUT}) for way in ("one_shot", "device", "staged")),
    *(
        ("collective/native", {"collective": name, "ranks": n, "bytes": 768})
        for name in ("allreduce", "allgather", "reduce_scatter", "alltoall", "broadcast", "reduce")
        for n in (2, 3)
    ),
    *(
        ("halo/exchange", {"method": way, "ranks": n, "count": 4})
        for way in ("one_shot", "device", "staged")
        for n in (2, 3)
    ),
]


@pytest.fixture(scope="module")
def stand_in(library: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The stand-in where ranks find it, and a UCX "with CUDA": the wheel's own under another name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([str(_STAND_IN), os.environ.get("PYTHONPATH", "")]))
        own = ranks.installations()[library].own_ucx
        folder = tmp_path_factory.mktemp("ucx")
        (folder / "ucx").mkdir()
        (folder / "ucx" / "libuct_cuda.so.0").touch()
        (folder / "libucp.so.0").touch()
        for file in own.glob("libuc*.so.0") if own else ():
            (folder / file.name).unlink(missing_ok=True)
            (folder / file.name).symlink_to(file)
        patch.setenv("GRIDSTONE_UCX", str(folder))
        patch.setattr(attempts, "_tried", attempts._tried.__wrapped__)  # remembered of another library's folder
        yield folder


@pytest.fixture(scope="module")
def with_gpus(machine: Machine) -> Machine:
    return replace(machine, gpu=_GPU, gpus=2, packages=(*machine.packages, "cupy", "cuda"))


@pytest.fixture(scope="module")
def probes() -> dict[str, Probe]:
    return {probe.name: probe for probe in load_probes()}


@pytest.fixture(scope="module")
def crew(stand_in: Path, with_gpus: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with Crew(machine=with_gpus, log_dir=tmp_path_factory.mktemp("logs")) as found:
        yield found


@pytest.mark.parametrize("tier", ["gpu", "node"])
@pytest.mark.parametrize(
    ("name", "axes"), _CASES, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v.values()))
)
def test_a_small_cell_is_right(
    crew: Crew, library: str, probes: dict[str, Probe], name: str, axes: dict[str, Any], tier: str
) -> None:
    probe = probes[name]
    visit = crew.visit(cell(probe, {"library": library, "memory": "device", "tier": tier, **axes}, "source"), 2)
    assert isinstance(visit, Visit), visit
    assert visit.taken.verified is True
    for metric in probe.metrics:
        if metric.name not in ("time_copy", "zero_copy_share", "lateness", "imbalance"):
            found = metric.reduce(visit.taken.samples)
            assert found.size >= 2 and np.isfinite(found).all() and (found >= 0).all(), metric.name


_SENDING = content.load_module(Path(__file__).parent / "sending_ranks.py")
_WAYS = ("one_shot", "device", "staged", "mpi")


def _pairs() -> Iterator[tuple[str, str, str, str]]:
    """(memory, layout, method of the sender, of the receiver)."""
    for layout in ("vector", "backwards", "subarray", "bytes"):
        for way in ("unsaid", *_WAYS, "form"):
            yield "device", layout, way, way
        yield "host", layout, "unsaid", "unsaid"
        yield "host", layout, "form", "form"
    yield from (("device", "subarray", *two) for two in itertools.permutations(_WAYS, 2))
    for memory, way in (("device", "unsaid"), ("device", "mpi"), ("host", "unsaid"), ("host", "mpi")):
        yield memory, "irregular", way, way


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize(("memory", "layout", "sending", "receiving"), list(_pairs()))
def test_datatypes_arrive(
    crew: Crew, library: str, memory: str, layout: str, sending: str, receiving: str, count: int
) -> None:
    axes = {"memory": memory, "layout": layout, "sending": sending, "receiving": receiving, "count": count}
    visit = crew.visit(cell(_SENDING.sent, {"library": library, **axes}, "source"), 1)
    assert isinstance(visit, Visit), visit
    assert visit.taken.verified is True


@pytest.mark.parametrize(
    ("memory", "layout", "way", "message"),
    [
        ("device", "irregular", "one_shot", "Irregular: indexed: its 3 parts"),
        ("host", "vector", "staged", 'method="staged" packs memory of a GPU, and this buffer is in host memory'),
    ],
)
def test_a_method_that_does_not_fit_is_refused(
    crew: Crew, library: str, memory: str, layout: str, way: str, message: str
) -> None:
    axes = {"memory": memory, "layout": layout, "sending": way, "receiving": way, "count": 1}
    failure = crew.visit(cell(_SENDING.sent, {"library": library, **axes}, "source"), 1)
    assert isinstance(failure, Failure)
    assert message in failure.reason


def test_a_crash_with_a_gpu_costs_its_cell_only(crew: Crew, library: str) -> None:
    failure = crew.visit(cell(_SENDING.dying, {"library": library}, "source"), 1)
    assert isinstance(failure, Failure) and failure.status == "crashed"
    assert "died" in failure.reason
    axes = {"memory": "device", "layout": "vector", "sending": "device", "receiving": "device", "count": 1}
    after = crew.visit(cell(_SENDING.sent, {"library": library, **axes}, "source"), 1)
    assert isinstance(after, Visit) and after.taken.verified is True


def test_ranks_on_different_models_of_gpu_are_refused(
    stand_in: Path, with_gpus: Machine, library: str, probes: dict[str, Probe], tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("GRIDSTONE_STAND_IN", "NVIDIA H100,NVIDIA A100")
    axes = {"library": library, "memory": "device", "bytes": 64}
    with Crew(machine=with_gpus, log_dir=tmp_path) as crew:
        failure = crew.visit(cell(probes["pingpong/latency"], {**axes, "tier": "node"}, "source"), 1)
        assert isinstance(failure, Failure) and failure.status == "skipped"
        assert re.match(r"rank 1 on \S+ has another GPU than rank 0: NVIDIA A100 and NVIDIA H100; ", failure.reason)
        together = crew.visit(cell(probes["pingpong/latency"], {**axes, "tier": "gpu"}, "source"), 1)
        assert isinstance(together, Visit), together


def test_a_gpu_that_one_rank_cannot_open_is_told_at_once(
    stand_in: Path, with_gpus: Machine, library: str, probes: dict[str, Probe], tmp_path: Path, monkeypatch: Any
) -> None:
    """The other rank waits for it inside MPI, and mpiexec for both."""
    monkeypatch.setenv("GRIDSTONE_STAND_IN", "NVIDIA H100,NVIDIA H100")
    monkeypatch.setenv("GRIDSTONE_STAND_IN_FULL", "1")
    axes = {"library": library, "memory": "device", "tier": "node", "bytes": 64}
    with Crew(machine=with_gpus, log_dir=tmp_path) as crew:
        failure = crew.visit(cell(probes["pingpong/latency"], axes, "source"), 1)
        assert isinstance(failure, Failure) and failure.status == "crashed"
        assert re.fullmatch(r"RankFailed: a rank on \S+: MemoryError: GPU 1 is full", failure.reason), failure.reason


@pytest.mark.parametrize("ability", list(ranks.ABILITIES))
def test_what_works_is_found_by_two_ranks(stand_in: Path, library: str, ability: str) -> None:
    assert ranks.unable(library, ability, "each", "GPU-0") is None


@pytest.mark.parametrize(("fault", "said"), [("11", "ended with signal 11 (SIGSEGV)"), ("wrong", "exit code 1: Error")])
def test_what_crashes_is_reported_and_its_cells_are_skipped(
    stand_in: Path, with_gpus: Machine, library: str, probes: dict[str, Probe], monkeypatch: Any, fault: str, said: str
) -> None:
    monkeypatch.setenv("GRIDSTONE_STAND_IN_FAULT", fault)
    axes = {"library": library, "memory": "device", "tier": "gpu", "ranks": 2, "bytes": 768, "collective": "reduce"}
    asked = cell(probes["collective/native"], axes, "source")
    assert missing(asked, with_gpus) is None  # to list cells nothing is tried
    reason = missing(asked, with_gpus, attempt=True)
    assert reason is not None and said in reason
    assert reason.startswith(f"collectives of GPU memory do not work over this {library}: two ranks that tried it")
    message = cell(probes["pingpong/latency"], {**axes, "bytes": 64}, "source")
    assert missing(message, with_gpus, attempt=True) is None
