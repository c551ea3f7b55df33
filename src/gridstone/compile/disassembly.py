"""Machine code as instructions, with the scoreboard bits that nvdisasm does not print.

Each SASS instruction of sm_70 to sm_12x is 16 bytes. Bits 105 to 125 steer issue: stall cycles (4 bits), yield,
the barrier that a result sets (3), the barrier that reading the sources sets (3), barriers waited on (6).
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from gridstone.compile.elf import sections
from gridstone.compile.tools import ToolMissing, nvdisasm

NO_BARRIER = 7
INSTRUCTION_BYTES = 16
_TEXT = ".text."
_JUMPS = re.compile(r"BRA|BSSY|CALL|JMP|RET|BRX|JMX")
_ADDRESS = re.compile(r"0x[0-9a-f]+")


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction. `wait` has a bit for each of the six barriers; `sets` is the barrier of its result."""

    address: int
    predicate: str
    opcode: str
    operands: tuple[str, ...]
    wait: int
    sets: int

    def __str__(self) -> str:
        waits = "".join(str(b) for b in range(6) if self.wait >> b & 1) or "-"
        sets = "-" if self.sets == NO_BARRIER else str(self.sets)
        operands = ", ".join(self.operands)
        return f"{self.address:05x} wait={waits:6} sets={sets} {self.predicate:>6} {self.opcode} {operands}"


def disassemble(cubins: Sequence[bytes], arch: str) -> list[dict[str, list[Instruction]]]:
    """The instructions of each function of each cubin, all for one target such as `sm_90a`.

    nvdisasm takes half a second to start and no time to read: the code of all functions goes through one process, as
    one piece of raw machine code. Raises ToolMissing without a fitting nvdisasm.
    """
    code = [
        {name.removeprefix(_TEXT): text for name, text in sections(cubin).items() if name.startswith(_TEXT)}
        for cubin in cubins
    ]
    listed = iter(_listed(b"".join(text for functions in code for text in functions.values()), arch))
    start = 0
    found: list[dict[str, list[Instruction]]] = []
    for functions in code:
        found.append({})
        for name, text in functions.items():
            items = itertools.islice(listed, len(text) // INSTRUCTION_BYTES)
            found[-1][name] = [_instruction(item, at, start, text) for at, item in enumerate(items)]
            start += len(text)
    return found


def _listed(code: bytes, arch: str) -> Iterable[Mapping[str, str]]:
    with tempfile.NamedTemporaryFile(suffix=".bin") as file:
        file.write(code)
        file.flush()
        command = [str(nvdisasm()), "--binary", arch.replace("sm_", "SM"), "-json", file.name]
        done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().split("\n")[0]
        raise ToolMissing(f"{nvdisasm()} cannot read the machine code ({reason}): pip install -U nvidia-cuda-nvdisasm")
    functions = json.loads(done.stdout)[1]
    return itertools.chain.from_iterable(function["sass-instructions"] for function in functions)


def _instruction(item: Mapping[str, str], at: int, start: int, text: bytes) -> Instruction:
    """Instruction number `at` of a function that lies at `start` in what was disassembled."""
    address = INSTRUCTION_BYTES * at
    control = int.from_bytes(text[address : address + INSTRUCTION_BYTES], "little") >> 105
    operands = tuple(part.strip() for part in item.get("operands", "").split(",") if part.strip())
    if start and _JUMPS.match(item["opcode"]):
        operands = tuple(hex(int(o, 16) - start) if _ADDRESS.fullmatch(o) else o for o in operands)
    return Instruction(
        address=address,
        predicate=item.get("predicate", ""),
        opcode=item["opcode"],
        operands=operands,
        wait=control >> 11 & 0x3F,
        sets=control >> 5 & 0x7,
    )


@cache
def nvdisasm_version() -> str:
    """The build of nvdisasm. Raises ToolMissing without one."""
    done = subprocess.run([nvdisasm(), "--version"], capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else str(nvdisasm())
