"""Calls in a timed loop: what they call counts, or is a way out for rare operands, or they are not allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gridstone.compile import check, check_all, compile_kernel
from gridstone.content import folder
from gridstone.declaration import Contract
from gridstone.plan.catalogue import load_probes

FOUR_BITS = {
    "a_type": "s4",
    "b_type": "s4",
    "acc_type": "s32",
    "m": 16,
    "k": 64,
    "sparse": False,
    "function": "mul",
}


def built(probe_name: str, axes: dict, arch: str = "sm_90a"):
    (probe,) = (p for p in load_probes() if p.name == probe_name)
    source = folder("kernels_cuda") / Path(str(probe.source))
    return compile_kernel(source, probe.defines(axes), arch), probe.contracts(arch, axes) or []


def demand(opcode: str, count: int, calls: str, clocked: bool = True) -> Contract:
    return Contract(opcode=opcode, count=count, clocked=clocked, calls=calls)


def test_what_a_subroutine_holds_counts_where_it_stands_in_for_an_instruction() -> None:
    binary, contracts = built("mma/latency", FOUR_BITS)
    demands = [demand(rf"IMMA\.{shape}", 16, "within") for shape in (r"16832\.S8\.S8", r"16864\.S4\.S4")]
    claimed, fewer, other = check_all([(binary, contracts), *((binary, [one]) for one in demands)])
    assert claimed.ok, claimed.problems
    assert "CALL.REL.NOINC*16" in claimed.opcodes and "IMMA.16832.S8.S8*32" in claimed.opcodes
    assert "holds 32 times" in fewer.problems[0]
    assert "no loop between two clock reads holds" in other.problems[0]


def test_a_subroutine_that_every_iteration_calls_is_nothing_else() -> None:
    binary, _ = built("mma/latency", FOUR_BITS)
    said = {"none": "leaves the loop", "aside": "goes without a call"}
    found = check_all([(binary, [demand(r"(IMAD\.)?MOV.*", 16, calls, clocked=False)]) for calls in said])
    for words, verdict in zip(said.values(), found, strict=True):
        assert any(words in problem for problem in verdict.problems), verdict.problems


def test_a_subroutine_within_a_subroutine_is_looked_into() -> None:
    bits = {**FOUR_BITS, "a_type": "b1", "b_type": "b1", "k": 256, "function": "xor"}
    binary, contracts = built("mma/latency", bits, "sm_120a")
    claimed = check(binary, contracts)
    assert claimed.ok, claimed.problems
    assert "IMMA.16832.U8.U8*256" in claimed.opcodes


@pytest.mark.parametrize("arch", ["sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120a"])
def test_ieee_division_without_its_way_out_is_counted(arch: str) -> None:
    binary, contracts = built("pipes/latency", {"function": "div_rn_f32"}, arch)
    steps = 8 if arch in ("sm_80", "sm_89") else 16
    said = {"none": "for a subroutine", "within": "does not run in every iteration"}
    demands = [demand("FFMA", 5 * steps, calls) for calls in said]
    claimed, *others = check_all([(binary, contracts), *((binary, [one]) for one in demands)])
    assert claimed.ok, "\n".join([*claimed.problems, claimed.listing])
    assert "CALL" not in claimed.opcodes and f"MUFU.RCP*{steps}" in claimed.opcodes
    for words, found in zip(said.values(), others, strict=True):
        assert any(words in problem for problem in found.problems), found.problems
