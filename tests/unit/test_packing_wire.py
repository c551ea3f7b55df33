"""Packing on a GPU whose wire is known: its costs found again, its cells beside them in the report, the fitted law."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fitted_machine import write_run

import gridstone.model
from gridstone import content
from gridstone.fit import fit
from gridstone.fit.sectors import memory
from gridstone.model import HardwareModel
from gridstone.model.sectors import BURST, Memory, Tier, packing_time
from gridstone.report.runs import select

MIB = 1 << 20
TRUE = Memory(
    sizes=(1024.0, 1.0 * MIB, 16.0 * MIB, 32.0 * MIB, 256.0 * MIB),
    seconds=(2e-6, 2.5e-6, 8e-6, 2e-6 + 32 * MIB / BURST * 42e-12, 2e-6 + 256 * MIB / BURST * 42e-12),
    l2=Tier(
        apart=(64.0, 128.0),
        read=(5e-12, 8e-12),
        whole=(6e-12, 8e-12),
        part=(11e-12, 16e-12),
        load=8e-12,
        store=16e-12,
    ),
    dram=Tier(
        apart=(64.0, 128.0, 1024.0),
        read=(21e-12, 23e-12, 33e-12),
        whole=(15e-12, 29e-12, 47e-12),
        part=(25e-12, 48e-12, 72e-12),
        load=20e-12,
        store=22e-12,
    ),
)
ON_GPU = {"form": "device", "unroll": 1}
SIZES = [1 << k for k in range(10, 25, 3)]


def _wire() -> dict[str, list[tuple[Any, str, str, float]]]:
    sides = []
    for name, tier in (("l2", TRUE.l2), ("dram", TRUE.dram)):
        costs = {("read", 16): tier.read, ("write", 32): tier.whole, ("write", 16): tier.part}
        found = {(*cost, stride): s for cost, all_ in costs.items() for stride, s in zip(tier.apart, all_, strict=True)}
        found |= {("read", 64, 64.0): tier.load, ("write", 64, 64.0): tier.store}
        sides += [
            ({"pattern": p, "tier": name, "block": b, "stride": int(stride)}, "rate", "block/s", 1 / seconds)
            for (p, b, stride), seconds in found.items()
        ]
    contiguous = [
        ({"bytes": int(size), "dims": 1, "word": 16, "unroll": 1}, "time", "s", seconds)
        for size, seconds in zip(TRUE.sizes, TRUE.seconds, strict=True)
    ]
    return {"datatype/side": sides, "datatype/contiguous": contiguous}


def _kernel(slow: float = 1.0) -> list[tuple[Any, str, str, float]]:
    """The cells of a kernel that does what the wire allows, those of 1-byte blocks `slow` times slower."""
    return [
        (
            {**ON_GPU, "direction": d, "bytes": n, "block": b, "stride": s, "dims": dims, "word": w},
            metric,
            unit,
            value,
        )
        for d in ("pack", "unpack")
        for dims in (2, 3)
        for b, w in ((1, 1), (8, 8), (64, 16))
        for s in (128, 1024)
        for n in SIZES
        if n >= 32 * b
        for seconds in [(slow if b == 1 else 1.0) * packing_time(n, b, s, direction=d, memory=TRUE)]
        for metric, unit, value in (("time", "s", seconds), ("bandwidth", "B/s", 2 * n / seconds))
    ]


def _rows(folder: Path, **cells: list[tuple[Any, str, str, float]]) -> pd.DataFrame:
    named = {f"datatype/{name}": entries for name, entries in cells.items()}
    return select(write_run(folder / "run", {**_wire(), **named})).rows


def _section(rows: pd.DataFrame) -> Any:
    module = content.load_module(content.folder("reports") / "sections" / "datatype.py")
    return module.section(rows[rows["probe"].isin(module.PROBES) & rows["value"].notna()])


def test_the_costs_of_the_wire_are_found_again(tmp_path: Path) -> None:
    found = memory(_rows(tmp_path))
    assert found is not None
    assert found.sizes == TRUE.sizes and found.seconds == pytest.approx(TRUE.seconds, rel=0.03)
    for tier, true in ((found.l2, TRUE.l2), (found.dram, TRUE.dram)):
        assert tier.apart == true.apart
        for name in ("read", "whole", "part", "load", "store"):
            assert getattr(tier, name) == pytest.approx(getattr(true, name), rel=0.03)


@pytest.mark.parametrize("without", ["datatype/side", "datatype/contiguous"])
def test_half_a_wire_says_nothing(tmp_path: Path, without: str) -> None:
    cells = {name: entries for name, entries in _wire().items() if name != without}
    rows = select(write_run(tmp_path / "run", {**cells, "datatype/kernel": _kernel()})).rows
    assert memory(rows.assign(site="here")) is None
    found = _section(rows)
    assert "take what their sectors" not in found.lead and found.panels


def test_the_report_says_which_cells_are_as_predicted(tmp_path: Path) -> None:
    found = _section(_rows(tmp_path, kernel=_kernel()))
    cells = len(_kernel()) // 2
    said = f"{cells} of {cells} cells with blocks shorter than 128 B (100 %) take what their sectors"
    assert found.lead.startswith("2 KiB are read and written in all") and said in found.lead
    table = next(panel.svg for panel in found.panels if panel.svg.startswith("<table"))
    assert "!" not in table and table.count("<tr>") == 1 + 2 * 2 * 3 * 2


def test_cells_that_are_slower_are_marked(tmp_path: Path) -> None:
    found = _section(_rows(tmp_path, kernel=_kernel(slow=1.3)))
    slow = sum(1 for axes, metric, *_ in _kernel() if axes["block"] == 1 and metric == "time")
    cells = len(_kernel()) // 2
    assert f"{cells - slow} of {cells} cells" in found.lead
    table = next(panel.svg for panel in found.panels if panel.svg.startswith("<table"))
    assert table.count(" !<") == slow


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, HardwareModel]:
    place = tmp_path_factory.mktemp("wire")
    run = write_run(place / "run", {**_wire(), "datatype/kernel": _kernel(slow=1.2)})
    fit([run], place / "model")
    return place / "model", gridstone.model.load(place / "model")


def test_the_law_stands_on_the_wire(fitted: tuple[Path, HardwareModel]) -> None:
    folder, model = fitted
    laws = json.loads((folder / "model.json").read_text())["functions"]["pack_time"]["laws"]
    assert {law["keys"]["where"] for law in laws} == {"gpu/device"}
    assert all(law["chosen"].startswith("known") and law["trend"]["memory"] for law in laws)
    assert all({"datatype/side", "datatype/contiguous"} <= set(law["probes"]) for law in laws)
    for direction in ("pack", "unpack"):
        for block, stride, size in ((8, 256, 3 << 20), (64, 128, 1 << 20), (16, 512, 4 << 20)):
            found = model.pack_time(bytes=size, block=block, stride=stride, where="gpu/device", direction=direction)
            true = packing_time(size, block, stride, direction=direction, memory=TRUE)  # type: ignore[arg-type]
            assert found.value == pytest.approx(true, rel=0.15)


def test_held_out_cells_are_told_within_a_few_per_cent(fitted: tuple[Path, HardwareModel]) -> None:
    quality = json.loads((fitted[0] / "model.json").read_text())["functions"]["pack_time"]["quality"]["random"]
    assert quality["median"] < 0.03, quality
