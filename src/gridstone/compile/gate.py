"""The gate: whether the machine code of a kernel holds what its declaration claims is timed.

What a contract demands, and what a kernel does to meet it:

- An opcode that matches occurs exactly `count` times per iteration, unpredicated and on every way through the
  loop, in each innermost loop that holds it. Put `#pragma unroll 1` on the timed loop, so that the compiler makes
  no remainder loop, and unroll its body by a constant.
- `clocked`: the loop lies between two reads of the SM clock (`clock_now`, `clock_after` of `clock.cuh`), holds
  none itself, and between these reads the opcode occurs nowhere else. Loops before the first read (warm-up) are
  free. No clock read may be issued while one of the timed operations is under way: read the end clock with
  `clock_after(result)` where `result` depends on all of them.
- `count=0`: no loop holds the opcode.

A loop that calls a subroutine fails, unless the contract says what for. `calls="within"`: it stands in for an
instruction that the target lacks; what it holds on every way through counts as part of the iteration.
`calls="aside"`: it is the way out for rare operands, as IEEE division has one; an iteration that calls nothing must be
possible, and is what the count is of. That operands keep to it is for the probe to show. Registers spilled to memory,
and wgmma that the assembler had to serialise (C7510, C7519), fail every kernel.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gridstone.compile.disassembly import Instruction, disassemble
from gridstone.compile.flow import Flow, Loop, every_iteration, flow, iteration, loops, reach
from gridstone.compile.program import Binary
from gridstone.compile.scoreboard import reads_clock, unawaited
from gridstone.compile.subroutine import barred, called, entered, is_call, one_run
from gridstone.declaration import Contract


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate found: one line per problem, and the machine code with the checked loops marked.

    opcodes: what an iteration of the checked loops holds, most frequent first: `LDG.E.64*16 IADD3*1`.
    """

    problems: tuple[str, ...]
    listing: str = ""
    opcodes: str = ""

    @property
    def ok(self) -> bool:
        """Whether the machine code holds what was claimed."""
        return not self.problems


def check(binary: Binary, contracts: Sequence[Contract], kernel: str = "probe") -> Verdict:
    """Check a kernel against its contracts. Raises ToolMissing where it must be disassembled and cannot be."""
    return check_all([(binary, contracts)], kernel)[0]


def check_all(claims: Sequence[tuple[Binary, Sequence[Contract]]], kernel: str = "probe") -> list[Verdict]:
    """Check many kernels, each against contracts of its own: far quicker than one by one. Raises as `check` does."""
    code: dict[tuple[str, bytes], dict[str, list[Instruction]]] = {}
    for arch in {binary.arch for binary, contracts in claims if contracts}:
        cubins = list(dict.fromkeys(b.cubin for b, contracts in claims if contracts and b.arch == arch))
        code |= {(arch, cubin): functions for cubin, functions in zip(cubins, disassemble(cubins, arch), strict=True)}
    return [_verdict(b, contracts, code.get((b.arch, b.cubin), {}).get(kernel), kernel) for b, contracts in claims]


def _verdict(binary: Binary, contracts: Sequence[Contract], code: Sequence[Instruction] | None, kernel: str) -> Verdict:
    problems = _assembled(binary)
    if not contracts:
        return Verdict(problems=tuple(problems))
    if code is None:
        return Verdict(problems=(*problems, f"no kernel called {kernel}"))
    try:
        graph = flow(code)
    except ValueError as error:
        return Verdict(problems=(*problems, str(error)), listing=listing(code, []))
    found = loops(graph)
    run: Counter[int] = Counter()
    for contract in contracts:
        try:
            chosen, wrong = _claim(graph, found, contract)
        except ValueError as error:
            chosen, wrong = [], [str(error)]
        problems += wrong
        for loop in chosen:
            run |= _run(graph, loop, contract)
    return Verdict(problems=tuple(dict.fromkeys(problems)), listing=listing(code, run), opcodes=_opcodes(code, run))


def _run(graph: Flow, loop: Loop, contract: Contract) -> Counter[int]:
    """How often an iteration runs each instruction: calls that are left aside are not in it, others are looked into."""
    calls = [i for i in loop.body if is_call(graph.code[i])]
    if contract.calls == "aside":
        return Counter(iteration(graph, loop, calls))
    run = Counter(loop.body)
    for call in calls if contract.calls == "within" else ():
        run += one_run(graph, called(graph, call))[0]
    return run


def _opcodes(code: Sequence[Instruction], run: Counter[int]) -> str:
    counted: Counter[str] = Counter()
    for i in sorted(run):
        counted[code[i].opcode] += run[i]
    return " ".join(f"{opcode}*{times}" for opcode, times in counted.most_common())


def listing(code: Sequence[Instruction], body: Collection[int]) -> str:
    """The instructions up to the padding, those of `body` marked with `|`, clock reads with `*`."""
    last = max((i for i, instruction in enumerate(code) if instruction.opcode != "NOP"), default=-1)
    marks = ("*" if reads_clock(x) else "|" if i in body else " " for i, x in enumerate(code))
    return "\n".join(f"{mark} {text}" for mark, text in zip(marks, map(str, code[: last + 1]), strict=False))


def _assembled(binary: Binary) -> list[str]:
    spilled = [f"{binary.spills} bytes of registers are spilled to memory"] if binary.spills else []
    return [*spilled, *(f"wgmma is serialised: {line.strip()}" for line in binary.warnings)]


def _claim(graph: Flow, found: Sequence[Loop], contract: Contract) -> tuple[list[Loop], list[str]]:
    """The loops that a contract speaks of, and what is wrong with them."""
    counted = _counted(graph, contract)
    inside = {loop: [i for i in counted if _innermost(found, i) == loop] for loop in found}
    inside = {loop: indexes for loop, indexes in inside.items() if indexes}
    problems: list[str] = []
    if contract.clocked and contract.count:
        inside, problems = _clocked(graph, inside, counted, contract)
    elif contract.count and not inside:
        problems.append(f"no loop holds {contract.opcode}{_elsewhere(graph, counted)}")
    for loop, indexes in inside.items():
        problems += _iteration(graph, loop, {i: counted[i] for i in indexes}, contract)
    return list(inside), problems


def _counted(graph: Flow, contract: Contract) -> dict[int, list[int]]:
    """By instruction of the kernel what of the opcode it runs: itself or, where calls are looked into, what it calls.

    An instruction that the subroutine has but not every run of it is there as -1.
    """
    opcode = re.compile(contract.opcode)

    def matches(i: int) -> bool:
        return bool(opcode.fullmatch(graph.code[i].opcode))

    counted = {i: [i] for i in sorted(graph.reached) if matches(i)}
    if contract.calls == "within" and contract.count:
        for i in (i for i in sorted(graph.reached) if is_call(graph.code[i])):
            runs, doubtful = one_run(graph, called(graph, i))
            listed = [-1 if k in doubtful else k for k in sorted(runs.elements()) if matches(k)]
            counted |= {i: listed} if listed else {}
    return counted


def _iteration(graph: Flow, loop: Loop, held: Mapping[int, Sequence[int]], contract: Contract) -> list[str]:
    """What is wrong with one iteration of a loop that holds the opcode."""
    where = f"the loop at {graph.code[loop.header].address:#x}"
    calls = {i for i in loop.body if is_call(graph.code[i])}
    aside = calls if contract.calls == "aside" else set()
    run = iteration(graph, loop, aside)
    if not run:
        return [f"no iteration of {where} goes without a call"]
    problems = []
    indexes = [i for i in held if i in run]
    times = sum(len(held[i]) for i in indexes)
    if times != contract.count:
        found = f"{times} times {contract.opcode}"
        problems.append(f"{where} holds {found} per iteration, not {contract.count}")
    always = every_iteration(graph, loop, aside)
    for i in indexes:
        if graph.code[i].predicate or i not in always:
            problems.append(f"{_at(graph.code[i])} does not run in every iteration of {where}")
        if -1 in held[i]:
            problems.append(f"what {_at(graph.code[i])} calls does not always run {contract.opcode} once")
    if contract.calls == "none":
        problems += [f"{_at(graph.code[i])} leaves {where} for a subroutine" for i in sorted(calls)]
    return problems


def _clocked(
    graph: Flow, inside: dict[Loop, list[int]], counted: Mapping[int, Sequence[int]], contract: Contract
) -> tuple[dict[Loop, list[int]], list[str]]:
    """Of the loops with the opcode those between clock reads, and what is wrong with their clocks."""
    clocks = {i for i in graph.reached if reads_clock(graph.code[i])}
    timed = {loop: indexes for loop, indexes in inside.items() if _between(graph, loop, clocks)}
    if not timed:
        held = next((loop for loop in inside if loop.body & clocks), None)
        if held:
            return inside, [f"the clock is read inside the loop that holds {contract.opcode}"]
        elsewhere = _elsewhere(graph, counted)
        return {}, [f"no loop between two clock reads holds {contract.opcode}{elsewhere}"]
    problems = []
    looped = {i for indexes in timed.values() for i in indexes}
    region: set[int] = set()
    for loop in timed:
        region |= reach(graph.after.__getitem__, [loop.header], clocks)
        region |= reach(graph.before.__getitem__, [loop.header], clocks)
    for i in sorted(region.intersection(counted) - looped):
        problems.append(f"{_at(graph.code[i])} is timed as well, outside of the timed loop")
    follow = {"within": entered, "aside": barred}.get(contract.calls)
    whole = follow(graph, [i for i in graph.reached if is_call(graph.code[i])]) if follow else graph
    for i in sorted({run for index in looped for run in counted[index] if run >= 0}):
        early = unawaited(whole, i)
        if early is graph.code[i]:
            problems.append(f"nothing waits for {_at(graph.code[i])}")
        elif early is not None:
            problems.append(f"the clock read at {early.address:#x} does not wait for {_at(graph.code[i])}")
    return timed, problems


def _between(graph: Flow, loop: Loop, clocks: Collection[int]) -> bool:
    """Whether every way into the loop and every way out of it passes a clock read, and the loop holds none."""
    if not loop.body.isdisjoint(clocks):
        return False
    behind = reach(graph.after.__getitem__, [loop.header], clocks)
    ahead = reach(graph.before.__getitem__, [loop.header], clocks)
    ends = any(not graph.after[i] or graph.code[i].opcode.startswith("EXIT") for i in behind)
    return not ends and 0 not in ahead


def _innermost(found: Sequence[Loop], index: int) -> Loop | None:
    return next((loop for loop in found if index in loop.body), None)


def _elsewhere(graph: Flow, counted: Mapping[int, Sequence[int]]) -> str:
    if not counted:
        return ", nor does the rest of the kernel"
    times = sum(len(runs) for runs in counted.values())
    return f"; it occurs {times} times elsewhere, first at {graph.code[min(counted)].address:#x}"


def _at(instruction: Instruction) -> str:
    return f"{instruction.opcode} at {instruction.address:#x}"
