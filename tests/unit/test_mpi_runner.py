"""The MPI runner without MPI: how many operations fill a sample, and what the standard profile leaves out."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gridstone import content
from gridstone.declaration import over_ranks
from gridstone.plan.catalogue import load_probes

_runner = content.load_module(content.folder("runners") / "on_mpi.py")
_layouts = content.load_module(content.folder("runners") / "layouts.py")


def _calibration(known: dict[Any, int], least: int = 1) -> Any:
    return _runner._Calibration(known=known, key="cell", least_s=1e-3, least=least)


@pytest.mark.parametrize(
    ("seconds", "least", "repeats"),
    [
        (1e-6, 1, 1000),
        (100e-6, 1, 10),
        (0.5e-3, 1, 5),  # no median of two
        (3e-3, 1, 1),  # large messages: one is enough
        (3e-3, 20, 20),  # but not where each is a sample
        (1e-9, 1, 2000),
    ],
)
def test_operations_fill_a_sample(seconds: float, least: int, repeats: int) -> None:
    assert _calibration({}, least).repeats(lambda n: n * seconds) == pytest.approx(repeats, abs=1)


def test_a_cell_is_calibrated_at_its_first_visit_only() -> None:
    known: dict[Any, int] = {}
    tried: list[int] = []

    def took(repeats: int) -> float:
        tried.append(repeats)
        return repeats * 100e-6

    first = _calibration(known).repeats(took)
    count = len(tried)
    assert _calibration(known).repeats(took) == first and len(tried) == count > 1


@pytest.mark.parametrize("size", [2, 1000, 65_521, 200_000])
def test_marks_differ_from_their_neighbours_and_from_those_of_other_places(size: int) -> None:
    marks = _layouts.marked(size)
    assert marks.shape == (size,) and marks.dtype == np.uint8
    assert (np.diff(marks.astype(int)) != 0).mean() >= 0.99
    for shift in (1 << power for power in range(17)):
        if shift < size // 2:
            assert (marks[shift:] != marks[:-shift]).mean() > 0.5


def test_a_second_library_is_crossed_with_fewer_axes_unless_all_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {"mpich": SimpleNamespace(), "openmpi": SimpleNamespace()}
    monkeypatch.setattr(over_ranks, "installations", lambda: found)
    probes = {probe.name: probe for probe in load_probes()}
    values: dict[str, Any] = {"library": list(found), "memory": ["host"], "tier": ["node"], "collective": ["allreduce"]}
    sizes = [256, 2048, 16384, 131072, 1 << 20, 8 << 20]
    asked = values | {"ranks": [2, 4, 16], "bytes": sizes}
    native = probes["collective/native"]
    assert native.standard is not None
    points = [point for point in native.points("full", asked) if native.standard(**point)]
    counts = Counter((str(point["library"]), int(point["ranks"])) for point in points)
    assert counts == {
        ("mpich", 2): 6, ("mpich", 4): 6, ("mpich", 16): 3, ("openmpi", 2): 6, ("openmpi", 4): 3,
    }  # fmt: skip
    assert len(list(native.points("full", asked))) == 36
