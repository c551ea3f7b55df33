"""Every probe of ranks, once and small: right on two ranks and, where more can take part, on an odd number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridstone import content
from gridstone.declaration import Machine, Probe, cell
from gridstone.plan.catalogue import load_probes
from gridstone.stragglers import by_rank
from gridstone.worker import Crew, Visit

_BYTES, _NODE = 768, {"tier": "node"}
_LAYOUT = {"bytes": 2048, "block": 8, "stride": 24, "dims": 3}
_CASES: list[tuple[str, dict[str, Any]]] = [
    ("pingpong/latency", {"bytes": 5}),
    ("pingpong/latency", {"bytes": 1 << 17}),
    ("pingpong/stream", {"bytes": _BYTES, "direction": "one"}),
    ("pingpong/stream", {"bytes": _BYTES, "direction": "both"}),
    ("pingpong/message_rate", {"bytes": 8}),
    ("pingpong/overlap", {"bytes": 4096}),
    *(
        ("collective/native", {"collective": name, "ranks": n, "bytes": _BYTES})
        for name in ("allreduce", "allgather", "reduce_scatter", "alltoall", "broadcast", "reduce")
        for n in (2, 3)
    ),
    *(
        ("collective/allreduce", {"algorithm": name, "ranks": n, "bytes": _BYTES})
        for name in ("ring", "star", "tree")
        for n in (2, 3, 4)
    ),
    *(("collective/ring", {"direction": way, "ranks": 3, "bytes": _BYTES}) for way in ("one", "both")),
    ("collective/barrier", {"ranks": 3}),
    *(
        ("collective/variability", {"collective": "allreduce", "ranks": 3, "bytes": _BYTES, "delay": delay})
        for delay in (0.0, 1e-3)
    ),
    *(("datatype/library", {"direction": way, **_LAYOUT}) for way in ("pack", "unpack")),
    *(("halo/exchange", {"method": way, "ranks": n, "count": 4}) for way in ("datatypes", "packed") for n in (2, 3)),
]


@pytest.fixture(scope="module")
def probes() -> dict[str, Probe]:
    return {probe.name: probe for probe in load_probes()}


@pytest.fixture(scope="module")
def crew(library: str, machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with Crew(machine=machine, log_dir=tmp_path_factory.mktemp(library)) as found:
        yield found


@pytest.mark.parametrize(
    ("name", "axes"), _CASES, ids=lambda v: v if isinstance(v, str) else "-".join(map(str, v.values()))
)
def test_a_small_cell_is_right(
    crew: Crew, library: str, probes: dict[str, Probe], name: str, axes: dict[str, Any]
) -> None:
    probe = probes[name]
    place = {"memory": "host", **_NODE} if "memory" in {axis.name for axis in probe.axes} else _NODE
    place = {} if name == "datatype/library" else place
    visit = crew.visit(cell(probe, {"library": library, **place, **axes}, "source"), 2)
    assert isinstance(visit, Visit), visit
    assert visit.taken.verified is (None if name == "collective/barrier" else True)
    found = probe.metrics[0].reduce(visit.taken.samples)
    assert found.size >= 2 and np.isfinite(found).all()
    if name == "collective/variability":
        late = by_rank(visit.taken.samples.observed["lateness"].tolist(), axes["ranks"])
        assert len(late) == found.size > 2
        assert np.abs(np.median(late, axis=1)).max() < 1e-11


def test_every_probe_of_ranks_is_tried() -> None:
    runners = {probe.name for probe in load_probes() if probe.runner == "on_mpi"}
    assert {name for name, _ in _CASES} == runners - {"pingpong/strided"}  # of GPUs: test_device.py


def test_methods_of_the_host_agree(tmp_path: Path, machine: Machine, probes: dict[str, Probe]) -> None:
    with Crew(machine=machine, log_dir=tmp_path) as crew:
        for method in ("numpy", "numba", "blocks"):
            for direction in ("pack", "unpack"):
                axes = {"method": method, "direction": direction, **_LAYOUT}
                visit = crew.visit(cell(probes["datatype/host"], axes, "source"), 1)
                assert isinstance(visit, Visit) and visit.taken.verified is True, (method, direction, visit)


def test_a_box_has_the_dimensions_it_says() -> None:
    module = content.load_module(content.folder("bench") / "datatype.py")
    for dims in (1, 2, 3, 4):
        form = module.box(1 << 16, 8, 24, dims)
        assert (form.dimensions, form.size, form.overlaps) == (dims, 1 << 16, False)
