"""The section of matrix instructions: what machine code says of them, and what is stated beside published values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gridstone.content import folder, load_module, root
from gridstone.report.published import comparisons
from gridstone.report.section import Fact

section = load_module(folder("reports") / "sections" / "mma.py")
table = load_module(folder("reports") / "instruction_table.py")
bench = load_module(folder("bench") / "mma.py")


@pytest.mark.parametrize(
    ("opcodes", "products", "kind", "code"),
    [
        ("HMMA.16816.F32*16 UIADD3*31 BRA*1", 16, "native", "HMMA.16816.F32"),
        ("UIADD3*31 IMMA.SP.16864.S8.S8*16 VIADD*1", 16, "native", "IMMA.SP.16864.S8.S8"),
        ("IMAD.MOV.U32*32 MOV*16 CALL.REL.NOINC*16", 16, "emulated", "a subroutine"),
        (
            "F2FP.F16.E4M3.UNPACK_B*192 IMAD*96 FADD*64 HMMA.16816.F32*32 UIADD3*5",
            16,
            "emulated",
            "12 F2FP.F16.E4M3.UNPACK_B, 6 IMAD, 4 FADD, 2 HMMA.16816.F32",
        ),
        ("DMMA.8x8x4*64 UISETP.GE.U32.AND*1", 16, "emulated", "4 DMMA.8x8x4"),
        (None, 16, "not known", ""),
    ],
)
def test_native_or_emulated(opcodes: str | None, products: int, kind: str, code: str) -> None:
    assert section.made_of(opcodes, products) == (kind, code)


def rows() -> pd.DataFrame:
    made = []
    shapes = [
        ("f16", "f16", "f32", 16, 16, False, "mul"),
        ("f16", "f16", "f16", 16, 16, False, "mul"),
        ("e4m3", "e5m2", "f32", 16, 32, False, "mul"),
    ]
    for shape in shapes:
        axes = dict(zip(section._SHAPE, shape, strict=True))
        opcode, times = bench.machine_code(bench.Shape(*shape), 90)[0]
        opcodes = f"{opcode.replace(chr(92), '')}*{16 * times}" + (" F2FP.F16.E4M3.UNPACK_B*192" if times > 1 else "")
        common = {"status": "ok", "n": 30, "sm_mhz": 1980.0, "opcodes": opcodes, **axes}
        made.append(_row("mma/latency", "latency", "cycle/instruction", "lower", 33.0, None, common))
        for warps in (4, 8, 16):
            for ilp in (1, 2, 4):
                value = 2560 * min(1, warps * ilp / 24)
                more = {**common, "warps": warps, "ilp": ilp}
                made.append(_row("mma/throughput", "throughput", "flop/cycle", "higher", value, 4096.0, more))
                made.append(_row("mma/throughput", "rate", "flop/s", "higher", value * 132 * 1.98e9, 1.07e15, more))
    return pd.DataFrame(made)


def _row(probe, metric, unit, better, value, limit, more):
    cell = f"{probe}{sorted((k, str(v)) for k, v in more.items())}"
    span = {"value": value, "lo": 0.999 * value, "hi": 1.001 * value}
    limited = {"limit": np.nan if limit is None else limit, "limit_kind": None if limit is None else "a data sheet"}
    return {
        "probe": probe,
        "metric": metric,
        "unit": unit,
        "better": better,
        "cell_id": cell,
        **span,
        **limited,
        **more,
    }


def test_the_section_says_how_near_the_limit_and_how_many_are_native() -> None:
    made = section.section(rows())
    assert made.heading == "mma.sync in f16 reaches 62 % of the tensor cores' 4096 flop per clock"
    assert made.lead.startswith("2 of 3 instructions are native here. Some or all of e4m3 are made of others.")
    captions = " ".join(panel.caption for panel in made.panels)
    assert "32 under way (8 warps x 4) come within 2 % of the most" in captions
    listed = next(panel.svg for panel in made.panels if panel.svg.startswith("<table"))
    assert "m16n8k32 e4m3 x e5m2, f32</td><td>emulated</td>" in listed


def test_rates_of_single_bits_are_written_out() -> None:
    assert section._rate({"value": 43437.6, "limit": 65536.0}) == ["43438", "66 %"]


def test_facts_stand_beside_published_values() -> None:
    facts = section.section(rows()).facts
    assert {f.quantity for f in facts} >= {"mma_f16_m16n8k16_latency", "mma_f16_m16n8k16_throughput"}
    found = {c.quantity for c in comparisons(facts, "NVIDIA H200")}
    assert "mma f16 m16n8k16 latency" in found


def test_the_table_of_the_documentation_has_every_published_instruction() -> None:
    fact = Fact(
        quantity="mma_f16_m16n8k16_latency",
        value=24.0,
        lo=23.9,
        hi=24.1,
        n=30,
        unit="cycle/instruction",
        better="lower",
        detail="sum in f16",
    )
    made = table.table([fact], "NVIDIA H200")
    lines = made.splitlines()
    assert all(line.count("|") == 6 for line in lines)
    assert any("24 cycle/instruction (23.9 to 24.1 cycle/instruction, n = 30; sum in f16)" in line for line in lines)
    assert any(line.startswith("| dpx_vimax_s32_relu | not in this run | 2.02 cycle/operation") for line in lines)


def test_the_table_replaces_the_one_before() -> None:
    page = f"above\n\n{table.BEGIN}\n\nold\n\n{table.END}\n\nbelow\n"
    once = table.put(page, "| new |")
    assert "old" not in once and once.startswith("above") and once.endswith("below\n")
    assert table.put(once, "| new |") == once
    with pytest.raises(ValueError, match="has no"):
        table.put("nothing", "| new |")


def test_the_page_has_a_place_for_it() -> None:
    page = (folder("docs") / "instructions.md") if (folder("docs")).is_dir() else None
    if page is None:
        pytest.skip("needs a checkout")
    assert table.put(page.read_text(), "| x |")


@pytest.mark.usefixtures("undrawn")
def test_the_page_on_instructions_has_the_table_of_the_reference_runs(tmp_path: Path) -> None:
    page, copy = root() / "docs" / "instructions.md", tmp_path / "instructions.md"
    copy.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    table.main(root() / "results" / "reference" / "nvidia-h100", copy)
    assert copy.read_text(encoding="utf-8") == page.read_text(encoding="utf-8")
