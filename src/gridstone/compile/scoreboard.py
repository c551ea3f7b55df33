"""Whether a clock read waits for an operation: issue order, barriers and register dependences.

A warp issues its instructions in order. An instruction of variable latency (a load) sets one of six barriers,
and any later instruction whose wait mask names the barrier is not issued before the result has arrived. The
result of an instruction of fixed latency sets none; the assembler delays its first reader instead. In both
cases a clock read behind such a waiting instruction is taken after the operation, though the read itself names
neither the barrier nor the register.
"""

from __future__ import annotations

import re

from gridstone.compile.disassembly import NO_BARRIER, Instruction
from gridstone.compile.flow import Flow

_REGISTER = re.compile(r"\bU?[RP]\d+\b")
_PREDICATE = re.compile(r"!?U?P(\d+|T)")
_PAIRS = re.compile(
    r"(ISETP|SEL|IADD|MOV)\..*\b[US]?64\b|D(ADD|MUL|FMA|SETP)\b"
)  # whose operands are pairs of registers
_WRITES_PREDICATE = re.compile(r"U?([IFDP]SETP|HSETP2|PLOP3)\b")


def reads_clock(instruction: Instruction) -> bool:
    """Whether it reads the SM's cycle counter, or the lower or upper half of it."""
    stem = instruction.opcode.split(".")[0]
    return stem in ("CS2R", "S2R", "S2UR") and instruction.operands[-1].startswith("SR_CLOCK")


def result(instruction: Instruction) -> str | None:
    """The first register that it writes, or the predicate of a comparison; None where it writes neither."""
    if _WRITES_PREDICATE.match(instruction.opcode):
        return instruction.operands[0]
    position = _result_position(instruction)
    return None if position is None else instruction.operands[position]


def reads(instruction: Instruction, register: str) -> bool:
    """Whether the register, or the predicate, is among the sources; a pair goes by the name of its first."""
    position = 0 if _WRITES_PREDICATE.match(instruction.opcode) else _result_position(instruction)
    sources = [text for i, text in enumerate(instruction.operands) if i != position]
    named = {name for text in (instruction.predicate, *sources) for name in _REGISTER.findall(text)}
    return register in named or (bool(_PAIRS.match(instruction.opcode)) and _first_of_pair(register) in named)


def _first_of_pair(register: str) -> str:
    """R4 for R5; what is no second of a pair stays."""
    kind, number = register.rstrip("0123456789"), int(re.sub(r"\D", "", register))
    return f"{kind}{number - 1}" if kind.endswith("R") and number % 2 else register


def unawaited(graph: Flow, index: int) -> Instruction | None:
    """The first clock read that may be issued while the operation at `index` is still under way, or None.

    Where nothing can wait for the operation (a store, a result that is overwritten unread) it is the operation
    itself that is returned.
    """
    operation = graph.code[index]
    written = None if operation.sets != NO_BARRIER else result(operation)
    if operation.sets == NO_BARRIER and written is None:
        return operation
    seen: set[int] = set()
    waiting = list(graph.after[index])
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        instruction = graph.code[current]
        if written is None:
            if instruction.wait >> operation.sets & 1:
                continue
        elif reads(instruction, written):
            continue
        elif result(instruction) == written and not instruction.predicate:
            return operation
        if reads_clock(instruction):
            return instruction
        waiting.extend(graph.after[current])
    return None


def _result_position(instruction: Instruction) -> int | None:
    for position, operand in enumerate(instruction.operands):
        if re.fullmatch(r"U?R\d+", operand):
            return position
        if not _PREDICATE.fullmatch(operand):
            return None
    return None
