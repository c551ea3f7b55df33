"""The table of matrix instructions: as many as there are, with ceilings that stand in the right ratios."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from gridstone.content import folder, load_module
from gridstone.plan.catalogue import load_probes

bench = load_module(folder("bench") / "mma.py")
ceilings = load_module(folder("runners") / "mma_ceilings.py")
H100 = (9, 0)


def test_the_standard_profile_has_every_instruction_once_and_few_cells() -> None:
    probes = {p.name: p for p in load_probes() if p.family == "mma"}
    assert len(list(probes["mma/latency"].points("standard"))) == len(bench.FLOATS | bench.INTEGERS) == 88
    cells = sum(len(list(p.points("standard"))) for p in probes.values())
    assert 150 <= cells <= 250
    assert sum(len(list(p.points("quick"))) for p in probes.values()) <= 12


@pytest.mark.parametrize(
    ("shape", "capability", "expected"),
    [
        (("f16", "f16", "f32", 16, 16), H100, 4096),
        (("f16", "f16", "f32", 16, 32, True), H100, 8192),
        (("tf32", "tf32", "f32", 16, 8), H100, 2048),
        (("s8", "s8", "s32", 16, 32), H100, 8192),
        (("s4", "s4", "s32", 16, 64), H100, 8192),
        (("e4m3", "e5m2", "f32", 16, 32), H100, 4096),
        (("b1", "b1", "s32", 16, 256, False, "and"), H100, 65536),
        (("f64", "f64", "f64", 16, 8), H100, 256),
        (("f16", "f16", "f16", 16, 16), (8, 0), 2048),
        (("s4", "s4", "s32", 16, 64), (8, 0), 8192),
        (("b1", "b1", "s32", 16, 256, False, "xor"), (8, 0), 32768),
        (("e4m3", "e4m3", "f32", 16, 32), (8, 9), 2048),
    ],
)
def test_ceilings(shape, capability, expected) -> None:
    assert ceilings.peak(bench.Shape(*shape), capability)[0] == expected


def test_no_ceiling_is_claimed_for_chips_without_a_data_sheet_here() -> None:
    assert ceilings.peak(bench.Shape("f16", "f16", "f32", 16, 16), (12, 0)) is None


@pytest.mark.parametrize("shape", sorted(bench.FLOATS | bench.INTEGERS), ids=lambda s: "-".join(map(str, s)))
def test_what_a_generation_lacks_is_skipped_there_and_nothing_else(shape) -> None:
    machine = SimpleNamespace(gpu=SimpleNamespace(name="a GPU", compute_capability=(8, 0)))
    missing = bench._lacking(machine, shape._asdict())
    assert (missing is not None) == (bench.machine_code(shape, 80) is None)
