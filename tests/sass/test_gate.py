"""The gate lets sound kernels through and names what is wrong with the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gridstone.compile import Binary, Verdict, check, check_all, compile_kernel
from gridstone.declaration import Contract

KERNELS = Path(__file__).parent / "kernels"
TARGETS = ("sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120a")
CHASE = Contract(opcode=r"LDG\.E\.64(\.STRONG\.SM)?", count=8, clocked=True)
MULTIPLY = Contract(opcode="FFMA", count=8, clocked=True)
MAXIMUM = Contract(opcode="VIMNMX|IMNMX", count=8, clocked=True)


LOADS = Contract(opcode=r"LDG\..*", count=1, clocked=False)
CHAINS = (("chase.cu", CHASE), ("multiply.cu", MULTIPLY))
BROKEN = {
    "UNROLLED": "holds 32 times",
    "SOMETIMES": "does not run in every iteration of the loop",
    "CALLS": "for a subroutine",
    "CLOCK_INSIDE": "the clock is read inside the loop",
    "ONE_MORE": "is timed as well, outside of the timed loop",
    "NO_END": "no loop between two clock reads holds",
}
# Kernel, target, claim and knobs of what is judged below: together, as nvdisasm takes half a second to start.
CLAIMS = (
    *((*chain, arch, *knobs) for chain in CHAINS for arch in TARGETS for knobs in ((), ("UNTIED",))),
    *(("chase.cu", CHASE, "sm_90a", knob) for knob in BROKEN),
    *(("fused_max.cu", MAXIMUM, arch) for arch in ("sm_80", "sm_89", "sm_90a")),
    *((name, LOADS, "sm_90a") for name in ("lifted.cu", "dead.cu")),
)
Judged = Callable[..., Verdict]


def compiled(name: str, arch: str, *knobs: str) -> Binary:
    return compile_kernel(KERNELS / name, dict.fromkeys(knobs, "1"), arch)


@pytest.fixture(scope="module")
def judged() -> Judged:
    """The verdict on a kernel for one claim, by name, claim, target and knobs."""
    built = [(compiled(name, arch, *knobs), [contract]) for name, contract, arch, *knobs in CLAIMS]
    found = dict(zip(CLAIMS, check_all(built), strict=True))
    return lambda *claim: found[claim]


@pytest.mark.parametrize("arch", TARGETS)
@pytest.mark.parametrize(("name", "contract"), CHAINS)
def test_a_tied_chain_passes(judged: Judged, name: str, contract: Contract, arch: str) -> None:
    verdict = judged(name, contract, arch)
    assert verdict.ok, "\n".join([*verdict.problems, verdict.listing])


@pytest.mark.parametrize("arch", TARGETS)
@pytest.mark.parametrize(("name", "contract"), CHAINS)
def test_an_end_clock_that_depends_on_nothing_fails(judged: Judged, name: str, contract: Contract, arch: str) -> None:
    (problem,) = judged(name, contract, arch, "UNTIED").problems
    assert problem.startswith("the clock read at 0x")
    assert "does not wait for" in problem


@pytest.mark.parametrize(("knob", "expected"), BROKEN.items())
def test_a_chain_broken_in_one_way_is_told_so(judged: Judged, knob: str, expected: str) -> None:
    problems = judged("chase.cu", CHASE, "sm_90a", knob).problems
    assert expected in problems[0]


def test_a_count_that_is_not_the_claimed_one_fails_in_both_directions() -> None:
    counts = (7, 9)
    claims = [Contract(opcode=CHASE.opcode, count=count, clocked=True) for count in counts]
    verdicts = check_all([(compiled("chase.cu", "sm_90a"), [claim]) for claim in claims])
    for count, verdict in zip(counts, verdicts, strict=True):
        (problem,) = verdict.problems
        assert f"holds 8 times {CHASE.opcode} per iteration, not {count}" in problem


def test_loads_lifted_out_of_the_loop_fail(judged: Judged) -> None:
    (problem,) = judged("lifted.cu", LOADS, "sm_90a").problems
    assert problem.startswith(r"no loop holds LDG\..*; it occurs 1 times elsewhere")


def test_loads_that_nothing_uses_fail(judged: Judged) -> None:
    (problem,) = judged("dead.cu", LOADS, "sm_90a").problems
    assert problem == r"no loop holds LDG\..*, nor does the rest of the kernel"


@pytest.mark.parametrize("arch", ["sm_80", "sm_89"])
def test_two_input_maxima_stay_two_where_the_target_has_no_third_input(judged: Judged, arch: str) -> None:
    assert judged("fused_max.cu", MAXIMUM, arch).ok


def test_two_input_maxima_fused_into_one_of_three_fail(judged: Judged) -> None:
    (problem,) = judged("fused_max.cu", MAXIMUM, "sm_90a").problems
    assert problem.startswith("no loop between two clock reads holds VIMNMX|IMNMX")


def test_spills_fail_even_where_nothing_is_claimed() -> None:
    binary = compiled("spilled.cu", "sm_90a")
    (problem,) = check(binary, []).problems
    assert problem == f"{binary.spills} bytes of registers are spilled to memory"
    assert binary.stack > 0


def test_a_claim_that_an_opcode_is_absent_from_loops() -> None:
    binary = compiled("chase.cu", "sm_90a")
    absent, present = (Contract(opcode=op, count=0, clocked=False) for op in (r"STG\..*", r"LDG\..*"))
    without, held = check_all([(binary, [absent]), (binary, [present])])
    assert without.ok and not held.ok


def test_a_kernel_under_another_name_is_not_found() -> None:
    verdict = check(compiled("chase.cu", "sm_90a"), [CHASE], kernel="other")
    assert verdict.problems == ("no kernel called other",)


def test_the_listing_marks_the_timed_loop_and_the_clock_reads(judged: Judged) -> None:
    lines = judged("chase.cu", CHASE, "sm_90a").listing.splitlines()
    assert sum(line.startswith("|") and "LDG.E.64" in line for line in lines) == 8
    assert sum(line.startswith("*") and "SR_CLOCKLO" in line for line in lines) == 2


def test_kernels_that_are_checked_together_are_judged_as_if_alone() -> None:
    claims = [
        (compiled("chase.cu", "sm_90a"), [CHASE]),
        (compiled("spilled.cu", "sm_90a"), []),
        (compiled("multiply.cu", "sm_80"), [MULTIPLY]),
        (compiled("chase.cu", "sm_90a", "UNTIED"), [CHASE]),
        (compiled("multiply.cu", "sm_90a"), [MULTIPLY]),
    ]
    together = check_all(claims)
    assert together == [check(binary, contracts) for binary, contracts in claims]
    assert [verdict.ok for verdict in together] == [True, False, True, False, True]


def test_what_the_timed_loop_holds_is_counted(judged: Judged) -> None:
    counted = judged("chase.cu", CHASE, "sm_90a").opcodes.split()
    assert counted[0] == "LDG.E.64*8"
    assert all(int(text.rsplit("*", 1)[1]) < 8 for text in counted[1:])
