"""Machine code as instructions, with the scoreboard bits that nvdisasm does not print.

Each SASS instruction of sm_70 to sm_12x is 16 bytes. Bits 105 to 125 steer issue: stall cycles (4 bits), yield,
the barrier that a result sets (3), the barrier that reading the sources sets (3), barriers waited on (6).
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from gridstone.compile.elf import sections
from gridstone.compile.tools import ToolMissing, nvdisasm

NO_BARRIER = 7
INSTRUCTION_BYTES = 16


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


def disassemble(cubin: bytes) -> dict[str, list[Instruction]]:
    """The instructions of each function of a cubin. Raises ToolMissing without a fitting nvdisasm."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(cubin)
        file.flush()
        done = subprocess.run([nvdisasm(), "-json", file.name], capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr or done.stdout).strip().split("\n")[0]
        raise ToolMissing(f"{nvdisasm()} cannot read the machine code ({reason}): pip install -U nvidia-cuda-nvdisasm")
    return functions(json.loads(done.stdout)[1], sections(cubin))


def functions(listed: Iterable[Mapping[str, Any]], code: Mapping[str, bytes]) -> dict[str, list[Instruction]]:
    """The instructions of each function with a section of its own, from nvdisasm's listing and the sections by name.

    Up to CUDA 13.2 nvdisasm lists a subroutine, such as a division, apart from the kernel in whose section it lies.
    """
    found: dict[str, list[Instruction]] = {}
    owner: list[Instruction] = []
    text = b""
    for function in listed:
        name = function["function-name"]
        if f".text.{name}" in code:
            text = code[f".text.{name}"]
            found[name] = owner = []
        for item in function["sass-instructions"]:
            owner.append(_instruction(item, INSTRUCTION_BYTES * len(owner), text))
    return found


def _instruction(item: Mapping[str, str], address: int, text: bytes) -> Instruction:
    control = int.from_bytes(text[address : address + INSTRUCTION_BYTES], "little") >> 105
    return Instruction(
        address=address,
        predicate=item.get("predicate", ""),
        opcode=item["opcode"],
        operands=tuple(part.strip() for part in item.get("operands", "").split(",") if part.strip()),
        wait=control >> 11 & 0x3F,
        sets=control >> 5 & 0x7,
    )


@cache
def nvdisasm_version() -> str:
    """The build of nvdisasm. Raises ToolMissing without one."""
    done = subprocess.run([nvdisasm(), "--version"], capture_output=True, text=True)
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else str(nvdisasm())
