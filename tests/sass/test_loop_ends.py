"""Nothing but the next link of a chain waits for a link: a loop's end, or its begin, that does is in every latency."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator

from gridstone.compile import compile_kernel
from gridstone.compile.disassembly import NO_BARRIER, Instruction, disassemble
from gridstone.compile.flow import flow, loops
from gridstone.declaration import Contract
from gridstone.plan.catalogue import load_probes
from gridstone.plan.source import kernel_path

CHAINS = (
    "cache/l1_capacity",
    "cache/tlb",
    "contention/global_atomic_latency",
    "contention/shared_atomic_latency",
    "contention/strided_latency",
    "dsm/access",
    "dsm/latency_pair",
    "latency/pointer_chase",
    "latency/texture",
    "mma/latency",
)
ARCH = "sm_90a"


def waiting(code: list[Instruction], contract: Contract) -> Iterator[Instruction]:
    """What waits for the last of the counted instructions of an innermost loop before the next turn's first does.

    What waits for each of the others too makes the next one's address: it is part of a link, not of the loop's end.
    """
    graph = flow(code)
    seen: set[int] = set()
    for loop in sorted(loops(graph), key=lambda one: len(one.body)):
        body = sorted(loop.body)
        held = [i for i in body if re.fullmatch(contract.opcode, code[i].opcode)]
        if len(held) < contract.count or seen.intersection(held):
            continue
        seen.update(held)
        links = [_held_up(code, link, range(link + 1, after)) for link, after in itertools.pairwise(held)]
        usual = set.intersection(*({code[i].opcode for i in each} for each in links)) if links else set()
        ends = [*(i for i in body if i > held[-1]), *(i for i in body if i < held[0])]
        yield from (code[i] for i in _held_up(code, held[-1], ends) if code[i].opcode not in usual)
    assert seen, "no loop holds them"


def _held_up(code: list[Instruction], link: int, others: Iterable[int]) -> list[int]:
    """Which of the others wait for that instruction's result."""
    assert code[link].sets != NO_BARRIER
    return [i for i in others if code[i].wait >> code[link].sets & 1]


def test_no_loop_ends_with_a_wait_for_its_last_link() -> None:
    late, kernels = {}, {}
    for probe in load_probes():
        if probe.name in CHAINS:
            for axes in probe.points("standard"):
                if axes.get("acc_type", "f64") != "f64":
                    continue  # other products take a fixed number of cycles, and no barrier tells when one is done
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
