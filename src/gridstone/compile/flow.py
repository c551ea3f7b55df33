"""The control flow of a kernel: which instruction can follow which, and its natural loops."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from gridstone.compile.disassembly import INSTRUCTION_BYTES, Instruction

Edges = Callable[[int], Iterable[int]]


@dataclass(frozen=True, kw_only=True)
class Loop:
    """A natural loop by instruction index: its entry, the jumps back to it, and all that lies between."""

    header: int
    latches: frozenset[int]
    body: frozenset[int]


@dataclass(frozen=True, kw_only=True)
class Flow:
    """A kernel's instructions, and by instruction index what may run `after` and `before` each of them."""

    code: Sequence[Instruction]
    after: tuple[tuple[int, ...], ...]
    before: tuple[tuple[int, ...], ...]
    reached: frozenset[int]


def flow(code: Sequence[Instruction]) -> Flow:
    """The control flow of a kernel from its first instruction.

    A call comes back to the instruction behind it; what it calls is not followed. Raises ValueError for a jump
    whose target is not written in the instruction.
    """
    after = tuple(_followers(code, index) for index in range(len(code)))
    before: list[list[int]] = [[] for _ in code]
    reached = reach(lambda i: after[i], [0])
    for index in sorted(reached):
        for follower in after[index]:
            before[follower].append(index)
    return Flow(code=code, after=after, before=tuple(map(tuple, before)), reached=frozenset(reached))


def reach(edges: Edges, starts: Iterable[int], avoiding: Collection[int] = ()) -> set[int]:
    """Everything that can be reached from `starts`, these included, without entering `avoiding`."""
    found: set[int] = set()
    waiting = [i for i in starts if i not in avoiding]
    while waiting:
        index = waiting.pop()
        if index in found:
            continue
        found.add(index)
        waiting.extend(i for i in edges(index) if i not in found and i not in avoiding)
    return found


def loops(graph: Flow) -> list[Loop]:
    """The natural loops, smallest first, so that the first which holds an instruction is its innermost.

    A jump closes a loop where its target lies on every way from the kernel's start to the jump: code that the
    compiler puts out of line and that jumps back into the kernel makes no loop.
    """
    found = []
    for header in sorted(graph.reached):
        ways_in = len(graph.before[header]) + (header == 0)
        if ways_in < 2:
            continue
        without = reach(graph.after.__getitem__, [0], avoiding={header})
        latches = frozenset(i for i in graph.before[header] if i not in without)
        if latches:
            body = reach(graph.before.__getitem__, latches, avoiding={header}) | {header}
            found.append(Loop(header=header, latches=latches, body=frozenset(body)))
    return sorted(found, key=lambda loop: len(loop.body))


def unavoidable(edges: Edges, start: int, ends: Collection[int], avoiding: Collection[int] = ()) -> set[int]:
    """What lies on every way from `start` to any of `ends` that enters none of `avoiding`; empty where there is no way.

    One way is walked along, and from each step all detours are followed until they meet it again: what lies between
    is avoidable. Each instruction is looked at once, however many are asked about.
    """
    way = _way(edges, start, ends, avoiding)
    place = {index: step for step, index in enumerate(way)}
    found, met, furthest = set(), set(place), 0
    for step, index in enumerate(way):
        if step >= furthest:
            found.add(index)
        waiting = [index]
        while waiting:
            current = waiting.pop()
            if current in ends:
                furthest = len(way)
            for follower in edges(current):
                if follower in place:
                    furthest = max(furthest, place[follower])
                elif follower not in met and follower not in avoiding:
                    met.add(follower)
                    waiting.append(follower)
    return found


def _way(edges: Edges, start: int, ends: Collection[int], avoiding: Collection[int]) -> list[int]:
    """A shortest way from `start` to one of `ends`, both included."""
    came: dict[int, int] = {} if start in avoiding else {start: start}
    waiting = deque(came)
    while waiting:
        index = waiting.popleft()
        if index in ends:
            way = [index]
            while way[-1] != start:
                way.append(came[way[-1]])
            return way[::-1]
        for follower in edges(index):
            if follower not in came and follower not in avoiding:
                came[follower] = index
                waiting.append(follower)
    return []


def every_iteration(graph: Flow, loop: Loop, without: Collection[int] = ()) -> set[int]:
    """What no iteration of the loop can go round without, of those that run none of `without`."""
    return unavoidable(graph.after.__getitem__, loop.header, loop.latches, {*without, *_left(graph, loop)})


def iteration(graph: Flow, loop: Loop, without: Collection[int] = ()) -> set[int]:
    """What iterations may run that run none of `without`; empty where none can go round so."""
    ahead = reach(graph.after.__getitem__, [loop.header], avoiding={*without, *_left(graph, loop)})
    back = reach(graph.before.__getitem__, loop.latches & ahead, avoiding=without) & loop.body
    return ahead & (back | {loop.header}) if loop.latches & ahead else set()


def _left(graph: Flow, loop: Loop) -> set[int]:
    return {i for inside in loop.body for i in graph.after[inside]} - loop.body


def _followers(code: Sequence[Instruction], index: int) -> tuple[int, ...]:
    instruction = code[index]
    stem = instruction.opcode.split(".")[0]
    behind = (index + 1,) if index + 1 < len(code) else ()
    if stem in ("EXIT", "RET"):
        return behind if instruction.predicate else ()
    if stem in ("BRX", "BRXU", "JMX", "JMXU"):
        raise ValueError(f"{instruction.opcode} at {instruction.address:#x} jumps to a computed address")
    if stem not in ("BRA", "JMP"):
        return behind
    try:
        target = int(instruction.operands[-1], 16) // INSTRUCTION_BYTES
    except (IndexError, ValueError):
        raise ValueError(f"{instruction.opcode} at {instruction.address:#x} has no readable target") from None
    conditional = bool(instruction.predicate) or len(instruction.operands) > 1
    return tuple(dict.fromkeys((*behind, target))) if conditional else (target,)
