"""What the machine code of a kernel must hold for its number to mean what its name says."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from gridstone.declaration.axis import Value

Axes = Mapping[str, Value]
Calls = Literal["none", "within", "aside"]


@dataclass(frozen=True, kw_only=True)
class Contract:
    """One demand on the SASS of a cell.

    opcode: regular expression for the whole opcode with its modifiers, such as `LDG\\.E\\.64`.
    count: how often it occurs in each iteration of the timed loop.
    clocked: the loop lies between two reads of the SM clock, and the last read waits for the last of them.
    calls: what becomes of subroutines that the loop calls. `none`: it may call none. `within`: each stands in for an
    instruction that the target lacks, and what it holds counts as well. `aside`: each is a way out for rare operands,
    and an iteration that takes none of them holds the opcode `count` times.
    """

    opcode: str
    count: int
    clocked: bool
    calls: Calls = "none"


Demand = Callable[[Axes], Contract]


def loop(
    opcode: str | Callable[[Axes], str],
    *,
    count: int | str | Callable[[Axes], int] = 1,
    clocked: bool = False,
    calls: Calls | Callable[[Axes], Calls] = "none",
) -> Demand:
    """Demand `opcode` `count` times per iteration of the timed loop; a word names the axis with the count."""

    def demand(axes: Axes) -> Contract:
        if isinstance(count, str):
            times = int(axes[count])
        else:
            times = count if isinstance(count, int) else count(axes)
        return Contract(
            opcode=opcode if isinstance(opcode, str) else opcode(axes),
            count=times,
            clocked=clocked,
            calls=calls(axes) if callable(calls) else calls,
        )

    return demand


def applies(spec: str, arch: str) -> bool:
    """Whether `sm_80+`, `sm_90` or `sm_90-sm_99` speaks of a target such as `sm_90a`."""
    number = _number(arch)
    if spec.endswith("+"):
        return number >= _number(spec[:-1])
    if "-" in spec:
        low, high = spec.split("-")
        return _number(low) <= number <= _number(high)
    return number == _number(spec)


def _number(arch: str) -> int:
    match = re.fullmatch(r"sm_(\d+)[af]?", arch)
    if not match:
        raise ValueError(f"not a target: {arch!r} (write sm_90a)")
    return int(match[1])
