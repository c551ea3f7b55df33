"""The tables of operations count the instructions that the compiler makes of each, natively and emulated."""

from __future__ import annotations

import pytest
from judging import Judges, case_of

from gridstone import content
from gridstone.plan.catalogue import load_probes
from gridstone.plan.source import kernel_path

DPX = content.load_module(content.folder("bench") / "dpx.py")
PIPES = content.load_module(content.folder("bench") / "pipes.py")
pytestmark = pytest.mark.timeout(600)  # they may wait for the processes
LOOP = 3  # counting down, comparing, jumping back


def held(judges: Judges, probe_name: str, arch: str) -> dict[str, str]:
    """What the timed loop of each function holds per iteration, four chains in each thread."""
    (probe,) = (p for p in load_probes() if p.name == probe_name)
    source = kernel_path(probe)
    assert source is not None
    points = {str(p["function"]): p for p in probe.points("standard") if p["ilp"] == 4}
    claims = {function: case for function, p in points.items() if (case := case_of(probe, source, p, arch)) is not None}
    judges.ask(claims.values())
    return {function: opcodes for function, case in claims.items() if (opcodes := judges[case].opcodes)}


def total(opcodes: str) -> int:
    return sum(int(part.rsplit("*", 1)[1]) for part in opcodes.split())


@pytest.mark.parametrize(
    ("probe", "operations", "arch", "target"),
    [
        ("dpx/throughput", DPX.OPERATIONS, "sm_80", 80),
        ("dpx/throughput", DPX.OPERATIONS, "sm_90a", 90),
        ("pipes/throughput", PIPES.OPERATIONS, "sm_90a", 90),
    ],
)
def test_an_iteration_is_the_steps_and_the_loop_itself(judges: Judges, probe, operations, arch, target) -> None:
    wrong = {}
    for function, opcodes in held(judges, probe, arch).items():
        operation = operations[function]
        counted = operation.of(operation.machine, target) * operation.body(target)
        if abs(total(opcodes) - LOOP - counted) > 0.07 * counted + 2:
            wrong[function] = f"{opcodes}: {total(opcodes)} and not {counted:g} + {LOOP}"
    assert not wrong


def test_what_is_fused_is_seen_to_be(judges: Judges) -> None:
    opcodes = held(judges, "dpx/throughput", "sm_90a")
    assert opcodes["vimax_s32_relu"].startswith("VIMNMX.RELU*224")
    assert opcodes["vimax_s32_relu_fused"].startswith("VIMNMX3.RELU*112")
