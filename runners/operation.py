"""One operation of an SM's pipes: its machine code, how its operands are drawn, and the ceiling of its throughput."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gridstone import Limit

SOURCE = "CUDA C++ programming guide, throughput of native arithmetic instructions"
ISSUE = 128  # four schedulers issue one instruction of 32 threads per clock each
# Results per SM and clock by kind of instruction, for compute capability 8.0, 8.9 and 9.0; of a packed instruction
# both results count as one.
_RATES = {
    "f32": (64, 128, 128),
    "f16x2": (128, 64, 128),
    "bf16x2": (64, 64, 128),
    "f64": (32, 2, 64),
    "special": (16, 16, 16),
    "integer": (64, 64, 64),
    "multiply": (64, 64, 64),
    "compare": (64, 64, 64),
    "logic": (64, 64, 64),
    "shift": (64, 64, 64),
    "count": (16, 16, 16),
    "shuffle": (32, 32, 32),
    "vote": (64, 64, 64),
    "reduce": (16, 16, 16),
    "convert": (16, 16, 64),
    "convert_small": (64, 64, 64),
    "convert64": (16, 2, 16),
    "dpx": (None, None, 64),
    "tensor": (32, None, 64),  # 1,024 and 2,048 dense multiply-adds of halves (A100, H100 whitepapers), 32 a thread
}
_CAPABILITIES = ((8, 0), (8, 9), (9, 0))


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation by the name that its struct has in the headers.

    opcodes: by the first target that it holds for (80, 90, 120), (regular expression, how often per step) of one or
    two instructions that only the timed loop has; the second may be "unclocked". machine: instructions per step, by the
    same targets. per_step: source operations of one step. steps: how many an iteration of a timed loop has.
    rate: the kind of the instruction that holds it back, and `uses` how many of these an operation has. cycles: about
    what one in a chain takes. operands: how values are drawn. tolerance: relative, of approximations; 0 for a result
    that must be exact. calls: what becomes of subroutines, as in a contract. plain: the range of values from which no
    way out is taken; every value of a chain is looked at.
    """

    name: str
    opcodes: Mapping[int, tuple[tuple[Any, ...], ...]]
    reference: Callable[..., Any]
    operands: str
    machine: Mapping[int, float]
    per_step: int = 1
    steps: int = 240
    steps_before_90: int | None = None
    rate: str | None = None
    uses: float = 1.0
    cycles: float = 6.0
    tolerance: float = 0.0
    calls: str = "none"
    plain: tuple[float, float] | None = None

    def body(self, arch: int) -> int:
        """Steps per iteration of a timed loop for a target."""
        return self.steps_before_90 if self.steps_before_90 is not None and arch < 90 else self.steps

    def of(self, by_target: Mapping[int, Any], arch: int) -> Any:
        """What holds for a target: the entry of the highest first target that is not above it."""
        return by_target[max((first for first in by_target if first <= arch), default=min(by_target))]

    def limit(self, machine: Any) -> Limit | None:
        """The most operations per SM and clock."""
        if machine.gpu is None:
            return None
        capability = machine.gpu.compute_capability
        known = _RATES[self.rate] if self.rate else ()
        rate = known[_CAPABILITIES.index(capability)] if known and capability in _CAPABILITIES else None
        arch = capability[0] * 10 + capability[1]
        issued = ISSUE * self.per_step / self.of(self.machine, arch)
        if rate is not None and rate / self.uses <= issued:
            return Limit(value=rate / self.uses, kind=f"{self.rate} {rate} per clock and SM ({SOURCE})")
        return Limit(value=issued, kind="four schedulers, one instruction each per clock")
