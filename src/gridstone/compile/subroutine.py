"""Subroutines that the assembler calls for an instruction which the target lacks, and how often they run what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from graphlib import CycleError, TopologicalSorter

from gridstone.compile.disassembly import INSTRUCTION_BYTES, Instruction
from gridstone.compile.flow import Flow, reach, unavoidable


def is_call(instruction: Instruction) -> bool:
    """Whether it calls a subroutine."""
    return instruction.opcode.startswith("CALL")


def called(graph: Flow, index: int) -> int:
    """The first instruction of what the call at `index` calls. Raises ValueError where that is not written in it."""
    call = graph.code[index]
    try:
        return int(call.operands[-1], 16) // INSTRUCTION_BYTES
    except (IndexError, ValueError):
        raise ValueError(f"{call.opcode} at {call.address:#x} has no readable target") from None


def one_run(graph: Flow, entry: int) -> tuple[Counter[int], frozenset[int]]:
    """What one run of a subroutine holds: how often each instruction runs, with those of subroutines that it calls,
    and those of them that not every run has.

    A loop in it counts as instructions that not every run has once.
    """
    own = reach(graph.after.__getitem__, [entry])
    ends = {i for i in own if not graph.after[i] or _is_return(graph.code[i])}  # a return may be conditional
    once = unavoidable(graph.after.__getitem__, entry, ends) - _repeated(graph, own)
    always = {i for i in once if not graph.code[i].predicate or len(graph.after[i]) > 1}  # a branch runs, taken or not
    counted, doubtful = Counter(own), set(own - always)
    for call in (i for i in own if is_call(graph.code[i])):
        deeper, unsure = one_run(graph, called(graph, call))
        counted += deeper
        doubtful |= unsure if call in always else set(deeper)
    return counted, frozenset(doubtful)


def entered(graph: Flow, calls: Iterable[int]) -> Flow:
    """The same control flow with subroutines gone through: from these calls into them, and from their returns to behind
    every call of theirs."""
    after, behind = list(graph.after), dict[int, set[int]]()
    waiting = list(calls)
    seen = set[int]()
    while waiting:
        call = waiting.pop()
        if call in seen:
            continue
        seen.add(call)
        entry = called(graph, call)
        behind.setdefault(entry, set()).update(graph.after[call])
        after[call] = (entry, *(graph.after[call] if graph.code[call].predicate else ()))
        waiting.extend(i for i in reach(graph.after.__getitem__, [entry]) if is_call(graph.code[i]))
    for entry, followers in behind.items():
        for i in reach(graph.after.__getitem__, [entry]):
            if _is_return(graph.code[i]):
                after[i] = tuple(sorted({*after[i], *followers}))
    return replace(graph, after=tuple(after))


def barred(graph: Flow, calls: Iterable[int]) -> Flow:
    """The same control flow without these calls and without what leads to nothing but them."""
    closed = set(calls)
    waiting = list(closed)
    while waiting:
        for i in graph.before[waiting.pop()]:
            if i not in closed and closed.issuperset(graph.after[i]):
                closed.add(i)
                waiting.append(i)
    after = tuple(() if i in closed else tuple(set(f) - closed) for i, f in enumerate(graph.after))
    return replace(graph, after=after)


def _is_return(instruction: Instruction) -> bool:
    return instruction.opcode.startswith("RET")


def _repeated(graph: Flow, own: Iterable[int]) -> set[int]:
    """What a run may come to again."""
    try:
        TopologicalSorter({i: graph.after[i] for i in own}).prepare()
    except CycleError:
        return {i for i in own if i in reach(graph.after.__getitem__, graph.after[i])}
    return set()
