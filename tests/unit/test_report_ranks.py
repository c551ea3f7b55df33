"""Report sections of ranks and datatypes: what they claim, and that they stand rows that are missing or not ok."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from fitted_machine import write_run

from gridstone import content
from gridstone.report.runs import select

PLACE = {"library": "mpich", "tier": "node"}
STRIDED = {"library": "mpich", "memory": "device", "block": 512, "stride": 1024}
LAYOUT = {"direction": "pack", "stride": 1024, "dims": 2}


def _cells() -> dict[str, list[tuple[Any, str, str, float]]]:
    sizes = (256, 2048, 16384, 131072)
    return {
        "pingpong/latency": [({**PLACE, "bytes": n}, "time", "s", 1e-6 + n / 1e10) for n in sizes],
        "pingpong/stream": [
            ({**PLACE, "direction": d, "bytes": n}, "bandwidth", "B/s", 1e10) for d in ("one", "both") for n in sizes
        ],
        "pingpong/strided": [
            (
                {**STRIDED, "tier": tier, "method": method, "bytes": n},
                metric,
                unit,
                value,
            )
            for tier in ("gpu", "node")
            for n in (*sizes, 1 << 24)
            for method, latency, rate in (("one_shot", 1e-5, 2e10), ("device", 2e-4, 2e11), ("staged", 3e-5, 1.5e10))
            for metric, unit, value in (("time", "s", latency + n / rate), ("zero_copy_share", "1", 0.9))
            if metric == "time" or method == "one_shot"
        ],
        "pingpong/message_rate": [({**PLACE, "bytes": 8}, "rate", "message/s", 1e6)],
        "pingpong/overlap": [({**PLACE, "bytes": 1 << 20}, "overlap", "1", 0.5)],
        "collective/native": [
            ({**PLACE, "collective": "allreduce", "ranks": r, "bytes": n}, "bandwidth_bus", "B/s", 5e9)
            for r in (2, 4)
            for n in sizes
        ],
        "collective/allreduce": [
            ({**PLACE, "algorithm": a, "ranks": 4, "bytes": n}, "time", "s", latency + n / rate)
            for a, latency, rate in (("ring", 6e-6, 1e10), ("tree", 2e-6, 3e9), ("star", 4e-6, 1e9))
            for n in sizes
        ],
        "halo/exchange": [
            (
                {"library": "mpich", "memory": memory, "method": method, "tier": tier, "ranks": 2, "count": count},
                f"time{phase}",
                "s",
                seconds * count,
            )
            for memory, method, tier, seconds in (
                ("host", "packed", "node", 2e-4),
                ("device", "one_shot", "gpu", 1e-5),
                ("device", "staged", "gpu", 2e-5),
            )
            for count in (16, 64)
            for phase in ("", "_pack", "_exchange", "_unpack")
        ],
        "collective/barrier": [({**PLACE, "ranks": 2}, "time", "s", 1e-6)],
        "collective/ring": [
            ({**PLACE, "direction": "one", "ranks": 4, "bytes": n}, "bandwidth_bus", "B/s", 5e9) for n in sizes
        ],
        "datatype/kernel": [
            ({**LAYOUT, "form": f, "bytes": 1 << 24, "block": b, "word": 8}, "bandwidth", "B/s", 1e12)
            for f in ("device", "mapped")
            for b in (8, 128)
        ],
        "datatype/copies": [
            ({"direction": "pack", "stride": 8192, "method": m, "bytes": 1 << 24, "block": b}, metric, unit, value)
            for m in ("memcpy_2d", "per_block")
            for b in (8, 64)
            for metric, unit, value in (("bandwidth", "B/s", 1e11), ("time", "s", 1e-3))
        ],
        "datatype/library": [
            ({**LAYOUT, "library": "openmpi", "bytes": 1 << 20, "block": b}, "bandwidth", "B/s", 5e9) for b in (8, 64)
        ],
        "datatype/host": [
            ({**LAYOUT, "method": "numpy", "bytes": 1 << 20, "block": b}, "bandwidth", "B/s", 1e9) for b in (8, 64)
        ],
    }  # fmt: skip


def _rows(folder: Path, *probes: str, status: str = "ok") -> pd.DataFrame:
    chosen = {name: cells for name, cells in _cells().items() if not probes or name.startswith(probes)}
    return select(write_run(folder / "run", chosen, status=status)).rows


def _section(name: str, rows: pd.DataFrame) -> Any:
    module = content.load_module(content.folder("reports") / "sections" / f"{name}.py")
    own = rows[rows["probe"].isin(module.PROBES) & rows["value"].notna()]
    return module.section(own)


@pytest.mark.parametrize(
    ("name", "heading", "panels"),
    [
        ("pingpong", "Between two ranks, a message of 256 B takes 1.0", 6),
        ("collective", "Among ranks, an all-reduce of 4 ranks reaches 5", 3),
        ("datatype", "A kernel packs ", 3),
        ("halo", "2 ranks on one GPU exchange the halo of a cube of 64 cells a side in 64", 2),
    ],
)
def test_a_section_claims_what_the_rows_say(tmp_path: Path, name: str, heading: str, panels: int) -> None:
    found = _section(name, _rows(tmp_path))
    if name != "collective":  # noise decides between equal ranks
        assert found.heading.startswith(heading), found.heading
    assert len(found.panels) == panels
    assert all(panel.svg.startswith("<svg") and panel.caption for panel in found.panels)


def test_methods_of_sending_blocks_are_weighed(tmp_path: Path) -> None:
    lead = _section("pingpong", _rows(tmp_path, "pingpong")).lead
    assert "the fastest method is on one GPU one shot for 80" in lead, lead
    assert "between two GPUs one shot for 80" in lead
    assert "runs at 90 % of the zero-copy rate." in lead, lead
    device = [(({**PLACE, "memory": "device", "bytes": 8}), "time", "s", 8e-5)]
    rows = select(write_run(tmp_path / "device", {"pingpong/latency": device})).rows
    assert _section("pingpong", rows).lead.startswith("The smallest message between device memories takes 8")


def test_the_heading_of_messages_says_of_which_memory_and_size_each_number_is(tmp_path: Path) -> None:
    cells = {
        "pingpong/latency": [({**PLACE, "memory": "host", "bytes": 8}, "time", "s", 1e-6)],
        "pingpong/stream": [
            (
                {**PLACE, "memory": "device", "tier": "gpu", "direction": "one", "bytes": 1 << 22},
                "bandwidth",
                "B/s",
                4e10,
            )
        ],
    }
    heading = _section("pingpong", select(write_run(tmp_path / "run", cells)).rows).heading
    assert re.fullmatch(
        r"Between two ranks, a message of 8 B takes \S+ (us|ns) between host memories on one host and a stream of "
        r"4 MiB messages reaches \S+ GB/s between GPU memories on one GPU",
        heading,
    ), heading


def test_a_rate_of_packing_says_that_it_may_be_that_of_l2(tmp_path: Path) -> None:
    assert _section("datatype", _rows(tmp_path, "datatype")).lead.startswith("32 MiB are read and written in all")


def test_a_halo_between_gpus_is_counted_where_it_was_right(tmp_path: Path) -> None:
    lead = _section("halo", _rows(tmp_path, "halo")).lead
    assert lead == "4 of 4 kinds of exchange between GPU memories left every value where it belongs."
    lead = _section("halo", _rows(tmp_path / "bad", "halo", status="unverified")).lead
    assert lead.startswith("0 of 4")


def test_the_crossing_of_algorithms_is_told(tmp_path: Path) -> None:
    lead = _section("collective", _rows(tmp_path, "collective")).lead
    said = (
        "Of the algorithms built from sends, on one host the tree is fastest for small messages, the ring from {} on."
    )
    assert lead == said.format("128 KiB")


def test_places_of_ranks_are_told_apart(tmp_path: Path) -> None:
    shapes = (("node", "tree", 1e-6, 1e9), ("node", "ring", 4e-6, 1e10), ("network", "star", 1e-5, 1e8))
    shapes += (("network", "ring", 9e-5, 1e9),)
    cells = [
        ({"library": "mpich", "tier": tier, "algorithm": a, "ranks": 4, "bytes": n}, "time", "s", latency + n / rate)
        for tier, a, latency, rate in shapes
        for n in (256, 2048, 16384, 131072)
    ]
    found = _section("collective", select(write_run(tmp_path / "two", {"collective/allreduce": cells})).rows)
    said = "Of the algorithms built from sends, {} is fastest for small messages, the ring from 16 KiB on."
    assert found.lead == f"{said.format('on one host the tree')} {said.format('between hosts the star')}"
    assert all(f"{a}, {tier}" in found.panels[0].svg for tier, a, _, _ in shapes)


def test_the_message_of_the_heading_is_the_smallest(tmp_path: Path) -> None:
    cells = [({**PLACE, "bytes": n}, "time", "s", value) for n, value in ((1, 2e-6), (4096, 1e-6))]
    rows = select(write_run(tmp_path / "noise", {"pingpong/latency": cells})).rows
    assert _section("pingpong", rows).heading.startswith("Between two ranks, a message of 1 B takes 2")


@pytest.mark.parametrize("probe", sorted(_cells()))
def test_a_probe_alone_makes_its_section(tmp_path: Path, probe: str) -> None:
    assert _section(probe.split("/")[0], _rows(tmp_path, probe)).heading


@pytest.mark.parametrize("name", ["pingpong", "collective", "datatype", "halo"])
def test_cells_that_are_not_ok_are_drawn_and_claim_nothing(tmp_path: Path, name: str) -> None:
    found = _section(name, _rows(tmp_path, name, status="unverified"))
    assert found.panels
    assert not any(character.isdigit() for character in found.heading), found.heading
