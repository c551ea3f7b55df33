"""Nothing but the next link of a chain of loads waits for a load: a loop's end that does is in every latency."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gridstone.compile import compile_kernel
from gridstone.compile.disassembly import NO_BARRIER, Instruction, disassemble
from gridstone.compile.flow import flow, loops
from gridstone.declaration import Contract
from gridstone.plan.catalogue import load_probes
from gridstone.plan.source import kernel_path

CHAINS = (
    "cache/l1_capacity",
    "cache/tlb",
    "contention/strided_latency",
    "dsm/access",
    "dsm/latency_pair",
    "latency/pointer_chase",
    "latency/texture",
)
ARCH = "sm_90a"


def waiting(code: list[Instruction], contract: Contract) -> Iterator[Instruction]:
    """What waits for the last of the counted instructions of an innermost loop before the loop begins anew."""
    graph = flow(code)
    seen: set[int] = set()
    for loop in sorted(loops(graph), key=lambda one: len(one.body)):
        held = [i for i in sorted(loop.body) if re.fullmatch(contract.opcode, code[i].opcode)]
        if len(held) < contract.count or seen.intersection(held):
            continue
        seen.update(held)
        barrier = code[held[-1]].sets
        assert barrier != NO_BARRIER
        yield from (code[i] for i in sorted(loop.body) if i > held[-1] and code[i].wait >> barrier & 1)
    assert seen, "no loop holds them"


def test_no_loop_ends_with_a_wait_for_its_last_load() -> None:
    late, kernels = {}, {}
    for probe in load_probes():
        if probe.name in CHAINS:
            for axes in probe.points("standard"):
                kernels[probe.name, tuple(probe.defines(axes).items())] = probe, axes
    assert {name for name, _ in kernels} == set(CHAINS)
    cubins = [
        compile_kernel(kernel_path(probe), dict(defines), ARCH).cubin for (_, defines), (probe, _) in kernels.items()
    ]
    for (key, (probe, axes)), functions in zip(kernels.items(), disassemble(cubins, ARCH), strict=True):
        for contract in probe.contracts(ARCH, axes) or ():
            found = [str(instruction) for instruction in waiting(functions["probe"], contract)]
            if found and contract.count > 1:
                late[key] = found
    assert not late
