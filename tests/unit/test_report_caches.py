"""From the curves of a machine whose caches are known, what is found is what it has; from noise, nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from synthetic_cache import (
    CONSTANT,
    CONSTANT_LINE,
    CONSTANT_WAYS,
    FETCH,
    INTERLEAVE,
    KIB,
    L1,
    L2,
    LINE,
    MIB,
    NEAR,
    PERSISTING,
    SECTOR,
    SET,
    cells,
)

from gridstone import content
from gridstone.report.caches import Finding, findings
from gridstone.report.runs import select
from gridstone.store import Row, Run


def run_of(folder: Path, family: str, value: Callable[[float, np.random.Generator], float]) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    run, rows = Run(folder / "run"), {}
    run.write_info({"run_id": "r", "status": "complete"})
    for probe, axes, metric, truth in cells(family):
        samples = [truth if probe.name == "cache/reported" else value(truth, rng) for _ in range(15)]
        row = Row(
            run_id="r",
            probe=probe.name,
            cell_id=f"{probe.name}{sorted(axes.items())}",
            metric=metric.name,
            unit=metric.unit,
            better=metric.better,
            axes=axes,
            status="ok",
            value=float(np.median(samples)),
            lo=float(np.quantile(samples, 0.2)),
            hi=float(np.quantile(samples, 0.8)),
            n=15,
            samples=samples,
            sm_mhz=1980.0,
            device="NVIDIA H200",
            device_uuid="GPU-1",
            t_utc="2026-11-24T10:00:00.000+00:00",
            opcodes="ATOMS.CAST.SPIN*1 LDS*1" if axes.get("dtype") == "f32" else "MEMBAR.ALL.GPU*16 ERRBAR*16",
        )
        rows.setdefault(row.cell_id, []).append(row)
    for listed in rows.values():
        run.write_cell(listed)
    run.compact()
    return select(run.folder).rows


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return run_of(tmp_path_factory.mktemp("cache"), "cache", lambda truth, rng: truth * (1 + rng.normal(0, 0.002)))


@pytest.fixture(scope="module")
def found(rows: pd.DataFrame) -> dict[str, Finding]:
    return {one.quantity: one for one in findings(rows)}


@pytest.mark.parametrize(
    ("quantity", "size"),
    [
        ("l1_size", L1[0]),
        ("l1_size_50", L1[50]),
        ("l1_size_100", L1[100]),
        ("cache_line", LINE),
        ("sector", SECTOR),
        ("l2_fetch", FETCH),
        ("constant_l1_size", CONSTANT),
        ("constant_line", CONSTANT_LINE),
        ("constant_ways", CONSTANT_WAYS),
        ("l2_size", L2),
        ("l2_segment_size", NEAR),
        ("l2_interleave", INTERLEAVE),
        ("l2_persisting", PERSISTING),
        ("l1_conflict", SET),
        ("tlb2_reach_2MiB", 4096 * MIB),
    ],
)
def test_a_size_lies_between_the_points_that_the_curve_breaks_between(
    found: dict[str, Finding], quantity: str, size: float
) -> None:
    one = found[quantity]
    assert one.lo <= size <= one.hi
    assert one.lo <= one.value <= one.hi
    assert one.p_value is not None and one.p_value < 0.05
    assert one.confidence is None or one.confidence > 0.6


def test_what_is_exact_is_exact(found: dict[str, Finding]) -> None:
    assert [found[name].value for name in ("cache_line", "sector", "l2_fetch", "constant_line", "l2_interleave")] == [
        LINE,
        SECTOR,
        FETCH,
        CONSTANT_LINE,
        INTERLEAVE,
    ]
    assert found["l1_size"].value == L1[0]
    assert found["l1_conflict"].value == SET


def test_the_driver_stands_beside_what_it_speaks_of(found: dict[str, Finding]) -> None:
    assert found["l2_size"].driver == L2
    assert found["shared_size"].driver == 228 * KIB and found["shared_size"].value == 220 * KIB
    assert found["l2_persisting"].driver == PERSISTING and found["l2_persisting"].confidence == 1
    assert found["sector"].driver is None


def test_noise_says_next_to_nothing(tmp_path: Path) -> None:
    noise = findings(run_of(tmp_path, "cache", lambda _, rng: 100 * (1 + rng.normal(0, 0.01))))
    sure = [one for one in noise if one.p_value is not None and one.p_value < 0.01 and (one.confidence or 0) > 0.9]
    assert not sure


def test_the_card_has_a_line_for_each_finding_and_escapes(rows: pd.DataFrame, found: dict[str, Finding]) -> None:
    module: Any = content.load_module(content.folder("reports") / "sections" / "cache.py")
    section = module.section(rows)
    assert section.heading == "L1 holds 248 KiB, in lines of 128 B, fetched by 32 B, L2 60 MiB, 28 MiB of it near"
    card = section.panels[0].svg
    assert card.count("<tr>") == len(found) + 1
    assert "128 B (H100)" in card
    assert {fact.quantity for fact in section.facts} == set(found)
    assert all(panel.svg.startswith("<svg") for panel in section.panels[1:])
    assert set(module.PROBES) == {probe.name for probe, *_ in cells("cache")}


def test_contention_is_drawn_whole(tmp_path: Path) -> None:
    module: Any = content.load_module(content.folder("reports") / "sections" / "contention.py")
    shown = run_of(tmp_path, "contention", lambda truth, rng: truth * (1 + rng.normal(0, 0.002)))
    section = module.section(shown)
    assert len(section.panels) == 14
    assert all(panel.svg.startswith("<svg") and panel.caption for panel in section.panels)
    assert "loop around a CAS" in section.lead and "MEMBAR.ALL.GPU and ERRBAR" in section.lead
    assert "a hash picks its sets" in section.lead
    slow = shown.copy()
    met = (slow["probe"] == "contention/l2_sets") & (slow["pattern"] == "power_of_two") & (slow["count"] > 64)
    slow.loc[met, "value"] += 300.0
    assert "meet in sets of L2" in module.section(slow).lead
    assert {"bank_conflict", "shared_atomic_latency", "global_atomic_latency_near", "fence_gpu"} <= {
        fact.quantity for fact in section.facts
    }
    assert set(module.PROBES) == {probe.name for probe, *_ in cells("contention")}


def test_where_no_place_is_lost_the_sets_are_said_not_to_show(rows: pd.DataFrame) -> None:
    kept = rows.copy()
    of_l1 = kept["probe"] == "cache/l1_ways"
    for name in ("value", "lo", "hi"):
        kept.loc[of_l1, name] = 32.0
    found = {one.quantity: one for one in findings(kept)}
    assert "l1_conflict" not in found
    one = found["l1_unconflicted"]
    assert (one.value, one.confidence) == (kept[of_l1]["count"].max(), 1.0)


def test_sets_that_give_up_any_line_tell_no_ways(rows: pd.DataFrame) -> None:
    other = rows.copy()
    beyond = (other["probe"] == "cache/constant_capacity") & (other["footprint"] > CONSTANT)
    for name in ("value", "lo", "hi"):
        other.loc[beyond, name] = 28.0 + 66.0 * (1 - CONSTANT / other.loc[beyond, "footprint"])
    assert "constant_ways" not in {one.quantity for one in findings(other)}


def _translated(rows: pd.DataFrame, taken: Callable[[int], float]) -> dict[str, Finding]:
    """What is found where a walk over so many pages takes so many cycles."""
    other = rows.copy()
    of_pages = other["probe"] == "cache/tlb"
    cycles = other.loc[of_pages, "count"].map(taken) + np.random.default_rng(7).normal(0, 0.1, of_pages.sum())
    for name, off in (("value", 0.0), ("lo", -0.2), ("hi", 0.2)):
        other.loc[of_pages, name] = cycles + off
    return {one.quantity: one for one in findings(other) if one.quantity.startswith("tlb")}


def test_a_level_of_translation_that_gives_way_bit_by_bit_is_one(rows: pd.DataFrame) -> None:
    found = _translated(rows, lambda count: 279 + 10 * max(0.0, 1 - 128 / count))
    assert {name for name in found if name.endswith("_2MiB")} == {"tlb1_reach_2MiB"}
    assert found["tlb1_reach_2MiB"].lo <= 128 * 2 * MIB <= found["tlb1_reach_2MiB"].hi


def test_where_lines_lie_is_no_level_of_translation(rows: pd.DataFrame) -> None:
    assert not _translated(rows, lambda count: 279.0 if count < 100 else 283.0)


def _of_reference(device: str) -> dict[str, Finding]:
    run = next((Path(__file__).parents[2] / "results/reference" / device).glob("*/cache")).parent
    return {one.quantity: one for one in findings(select(run).rows)}


@pytest.mark.parametrize("family", ["cache", "contention"])
def test_each_probe_alone_makes_a_section(tmp_path: Path, family: str) -> None:
    module: Any = content.load_module(content.folder("reports") / "sections" / f"{family}.py")
    shown = run_of(tmp_path, family, lambda truth, rng: truth * (1 + rng.normal(0, 0.002)))
    for probe, part in shown.groupby("probe"):
        part = part.dropna(axis="columns", how="all")  # as a run of this probe alone has it
        assert module.section(part).heading, probe
        assert module.section(part.head(1)).heading, probe
        assert module.section(part.assign(status="unverified")).heading, probe


@pytest.mark.parametrize(("device", "size"), [("nvidia-h100", 50 * MIB), ("nvidia-h200", 60 * MIB)])
def test_the_l2_of_the_reference_runs_is_as_large_as_its_driver_says(device: str, size: int) -> None:
    found = _of_reference(device)
    assert found["l2_size"].driver == found["l2_reach"].driver == size
    assert found["l2_size"].lo <= size <= found["l2_size"].hi
    assert found["l2_reach"].lo <= size <= found["l2_reach"].hi
    assert found["l2_segment_size"].lo <= size / 2 <= found["l2_segment_size"].hi


@pytest.mark.parametrize("device", ["nvidia-h100", "nvidia-h200"])
def test_what_cards_of_one_architecture_share_is_found_alike(device: str) -> None:
    found = _of_reference(device)
    assert found["constant_ways"].value == 4 and found["constant_ways"].confidence == 1
    assert found["l1_unconflicted"].value == 96
    for apart in ("2MiB", "16MiB"):  # however far apart its pages are
        assert found[f"tlb1_reach_{apart}"].lo <= 256 * MIB <= found[f"tlb1_reach_{apart}"].hi
        assert f"tlb2_reach_{apart}" not in found
