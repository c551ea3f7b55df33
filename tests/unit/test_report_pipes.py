"""The sections of pipes and DPX on made-up rows: what they claim, and that they bear it when much is missing."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from gridstone import content
from gridstone.report.family import chapters

SECTIONS = content.folder("reports") / "sections"
PIPES = content.load_module(SECTIONS / "pipes.py")
DPX = content.load_module(SECTIONS / "dpx.py")
AXES = {
    "pipes/latency": ["function"],
    "pipes/throughput": ["function", "warps", "ilp"],
    "pipes/pair": ["first", "second", "ratio", "warps"],
    "dpx/latency": ["function"],
    "dpx/throughput": ["function", "warps", "ilp"],
    "dpx/smith_waterman": ["function", "dtype", "warps"],
}


def row(probe: str, metric: str, value: float, *, unit: str = "operation/cycle", **more: Any) -> dict[str, Any]:
    better = "lower" if metric == "latency" else "higher"
    plain = {"lo": 0.999 * value, "hi": 1.001 * value, "n": 30, "status": "ok", "limit": float("nan"), "opcodes": None}
    made = {"probe": probe, "metric": metric, "value": value, "unit": unit, "better": better, **plain, **more}
    return {**made, "cell_id": str(sorted(more.items()))}


def pipes() -> pd.DataFrame:
    latency = {"fma_f32": 4.03, "fma_f64": 8.05, "ex2_f32": 18.0, "cvt_f32_s32": 12.0, "shfl_bfly": 23.0, "lop3": 4.5}
    rows = [row("pipes/latency", "latency", v, unit="cycle/operation", function=f) for f, v in latency.items()]
    for warps in (1, 2, 4, 8, 16, 32):
        for ilp in (1, 2, 4, 8):
            reached = min(126.5 * min(warps, 4) / 4, 8.0 * warps * ilp)  # four schedulers, a latency of 4
            rows.append(
                row("pipes/throughput", "throughput", reached, limit=128.0, function="fma_f32", warps=warps, ilp=ilp)
            )
    rows.append(row("pipes/throughput", "throughput", 15.99, limit=16.0, function="ex2_f32", warps=32, ilp=4))
    rows.append(row("pipes/throughput", "throughput", 31.0, limit=64.0, function="lop3", warps=32, ilp=4))
    for first, second, ratio, value in (
        ("fma_f32", "none", 1, 126.0),
        ("add_s32", "none", 1, 63.0),
        ("lop3", "none", 1, 63.0),
        ("fma_f32", "add_s32", 1, 125.0),  # the shorter is hidden
        ("lop3", "add_s32", 1, 63.1),  # one after the other
    ):
        rows.append(row("pipes/pair", "throughput", value, first=first, second=second, ratio=ratio, warps=16))
    return pd.DataFrame(rows)


def dpx() -> pd.DataFrame:
    rows = []
    for function, cycles, many, machine, held in (
        ("viaddmax_s32", 4.02, 63.5, 63.5, "VIADDMNMX*56 UIADD3*1"),
        ("vimax_s32_relu", 4.02, 63.5, 63.5, "VIMNMX.RELU*56 UIADD3*1"),
        ("vibmax_s32", 13.0, 21.0, 63.0, "SEL*112 ISETP.GE.AND*56"),
        ("vimax_s32_relu_fused", 2.01, 127.0, 63.5, "VIMNMX3.RELU*28 UIADD3*1"),
    ):
        rows.append(row("dpx/latency", "latency", cycles, unit="cycle/operation", function=function, opcodes=held))
        for metric, value in (("throughput", many), ("throughput_machine", machine)):
            rows.append(row("dpx/throughput", metric, value, function=function, warps=32, ilp=4))
    for function, dtype, value in (
        ("unfused", "s32", 1e12),
        ("plain", "s32", 1.6e12),
        ("dpx", "s32", 1.61e12),
        ("dpx", "s16x2", 3e12),
    ):
        rows.append(row("dpx/smith_waterman", "rate", value, unit="update/s", function=function, dtype=dtype, warps=16))
    return pd.DataFrame(rows)


def test_pipes_say_what_is_near_its_limit_and_which_pairs_overlap() -> None:
    section = PIPES.section(pipes())
    assert section.heading == (
        "FP32 multiply-add takes 4.03 cycles, an FP64 one takes 8.05 cycles "
        "and 2 of 3 operations reach 95 % of their limit"
    )
    assert section.lead == "Side by side run fma f32 + add s32. One after the other go lop3 + add s32."
    assert {f.quantity for f in section.facts} >= {"fma_f32_latency", "fma_f32_throughput", "ex2_f32_latency"}


def test_the_saturation_point_is_the_fewest_chains_that_give_nearly_all() -> None:
    (panel,) = (p for p in PIPES.section(pipes()).panels if "under way" in p.caption)
    assert "fma f32 at 16" in panel.caption


def test_the_law_of_saturation_stands_beside_its_cells() -> None:
    (panel,) = (p for p in PIPES.section(pipes()).panels if p.caption.startswith("fma f32."))
    assert "95 % of the most is there with 4 warps x 4 chains." in panel.caption
    assert "a latency of 4 cycles" in panel.caption
    assert "a scheduler one every 1" in panel.caption
    assert "2 chains" in panel.svg


def test_latencies_say_that_the_end_of_the_loop_is_in_them_and_in_how_long_a_loop() -> None:
    def said(module: Any, rows: pd.DataFrame) -> list[str]:
        return [p.caption for p in module.section(rows).panels if "the end of the timed loop" in p.caption]

    (caption,) = said(DPX, dpx())
    assert caption.endswith("in iterations of 29 instructions or more.")
    assert not said(PIPES, pipes())  # nothing is known of what their loops hold
    (caption,) = said(PIPES, pd.DataFrame([row("pipes/latency", "latency", 4.0, function="fma_f32", opcodes="FFMA*9")]))
    assert caption.endswith("in iterations of 9 instructions or more.")


def test_every_intrinsic_of_dpx_stands_in_the_table_with_both_counts() -> None:
    (table,) = (p.svg for p in DPX.section(dpx()).panels if p.svg.startswith("<table"))
    assert table.count("<tr>") == 1 + 4
    for held in ("viaddmax s32", "VIADDMNMX", "emulated", "fused", "127", "63.5"):
        assert held in table
    assert "UIADD3" not in table


def test_dpx_tells_native_emulated_and_fused_apart() -> None:
    lead = DPX.section(dpx()).lead
    assert "Of 3 intrinsics 2 are an instruction of this GPU" in lead
    assert "counted as two they seem to take 2.01 cycles each and run at 127 a clock, of which 63.5 are" in lead
    assert "3 Tupdate/s in halves, 1.61 times in words and 3.00 times in halves" in lead
    assert "of plain maxima too" in lead


def test_dpx_facts_bear_the_published_names() -> None:
    assert {f.quantity for f in DPX.section(dpx()).facts} == {
        "dpx_viaddmax_s32",
        "dpx_vimax_s32_relu",
        "dpx_vibmax_s32",
    }


@pytest.mark.parametrize(("module", "rows"), [(PIPES, pipes()), (DPX, dpx())])
def test_a_section_bears_any_probe_alone_and_cells_that_are_not_ok(module: Any, rows: pd.DataFrame) -> None:
    for probe in module.PROBES:
        assert module.section(rows[rows["probe"] == probe]).panels
    flawed = rows.assign(status="unverified", lo=float("nan"), hi=float("nan"))
    assert "ok" in module.section(flawed).heading


def test_both_are_chapters_of_the_page() -> None:
    rows = pd.concat([pipes(), dpx()], ignore_index=True)
    assert {c.family for c in chapters(rows.assign(sm_mhz=1900.0, reason=None, verified=True), AXES, {})} == {
        "pipes",
        "dpx",
    }
