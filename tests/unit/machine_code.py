"""Machine code written as text, for tests of what reads it: one instruction per line.

`@P0 BRA 0x10 ; waits 0 2 ; sets 1`: predicate, opcode and operands, then the barriers waited on and the one set.
"""

from __future__ import annotations

import re

from gridstone.compile.disassembly import INSTRUCTION_BYTES, NO_BARRIER, Instruction


def assembled(text: str) -> list[Instruction]:
    lines = [line.strip() for line in text.strip().splitlines()]
    return [_instruction(line, index) for index, line in enumerate(lines)]


def _instruction(line: str, index: int) -> Instruction:
    code, *notes = (part.strip() for part in line.split(";"))
    match = re.fullmatch(r"(@\S+ )?(\S+) ?(.*)", code)
    assert match, line
    numbers = {note.split()[0]: [int(n) for n in note.split()[1:]] for note in notes}
    return Instruction(
        address=INSTRUCTION_BYTES * index,
        predicate=(match[1] or "").strip(),
        opcode=match[2],
        operands=tuple(part.strip() for part in match[3].split(",") if part.strip()),
        wait=sum(1 << barrier for barrier in numbers.get("waits", [])),
        sets=numbers.get("sets", [NO_BARRIER])[0],
    )
