"""A call in a timed loop is allowed to a contract that is on the call itself, and to no other."""

from __future__ import annotations

from pathlib import Path

from gridstone.compile import check, compile_kernel
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


def test_a_subroutine_that_stands_in_for_an_instruction_can_be_claimed() -> None:
    (probe,) = (p for p in load_probes() if p.name == "mma/latency")
    source = folder("kernels_cuda") / Path(str(probe.source))
    binary = compile_kernel(source, probe.defines(FOUR_BITS), "sm_90a")
    claimed = check(binary, probe.contracts("sm_90a", FOUR_BITS) or [])
    assert claimed.ok, claimed.problems
    assert "CALL.REL.NOINC*16" in claimed.opcodes
    moved = check(binary, [Contract(opcode=r"(IMAD\.)?MOV.*", count=16, clocked=False)])
    assert any("for a subroutine" in problem for problem in moved.problems)
    fewer = check(binary, [Contract(opcode=r"CALL\.REL\.NOINC", count=8, clocked=False)])
    assert "holds 16 times" in fewer.problems[0]
