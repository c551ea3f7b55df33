"""Operations of an SM's pipes: their contracts, ceilings and operands, and how a chain and a full SM of one is run."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import Limit, content, loop

_operands = content.load_module(Path(__file__).with_name("operation_operands.py"))

SOURCE = "CUDA C++ programming guide, throughput of native arithmetic instructions"
ISSUE = 128  # four schedulers issue one instruction of 32 threads per clock each
_CYCLES = 200_000  # of a timed launch of a full SM: some 100 us, beside which the barriers are nothing
_CHAINS = (2, 8)  # iterations of the two chains
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
    same targets. per_step: source operations of one step. steps: how many an iteration of the throughput loop has.
    rate: the kind of the instruction that holds it back, and `uses` how many of these an operation has. cycles: about
    what one in a chain takes. operands: how values are drawn. tolerance: relative, of approximations; 0 for a result
    that must be exact.
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

    def body(self, arch: int) -> int:
        """Steps per iteration of the throughput loop for a target."""
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


def demands(operations: Mapping[str, Operation], axis: str = "function", divisor: int = 1) -> dict[str, list[Any]]:
    """The contracts of a loop that holds one iteration's steps, over all targets; `divisor` 2 for half the steps."""

    def part(first: int, index: int, clocked: bool) -> Any:
        def found(axes: Mapping[str, Any]) -> tuple[str, int]:
            operation = operations[axes[axis]]
            parts = operation.of(operation.opcodes, first)
            if index >= len(parts) or clocked is ("unclocked" in parts[index]):
                return "", 0
            return parts[index][0], round(parts[index][1] * operation.body(first) / divisor)

        return loop(lambda axes: found(axes)[0], count=lambda axes: found(axes)[1], clocked=clocked)

    targets = {"sm_80-sm_89": 80, "sm_90-sm_119": 90, "sm_120+": 120}
    return {
        spec: [part(first, *which) for which in ((0, True), (1, True), (1, False))] for spec, first in targets.items()
    }


def chain(gpu: Any, operation: Operation) -> Any:
    """A chain of dependent operations in one warp, verified lane by lane after the longer launch."""
    unit = operation.body(_arch(gpu)) // 2
    lengths = tuple(of * unit * operation.per_step for of in _CHAINS)
    drawn = drawn_for(operation.name, operation.operands, 1, 32)
    given = gpu.alloc(drawn.nbytes).view(drawn.dtype)
    given.set(drawn.ravel())
    last = gpu.alloc(32 * drawn.itemsize).view(drawn.dtype)
    gpu.memset(last, 0xA5)

    def verify() -> bool:
        return agrees(operation, last.get(), after(operation, 1, 32, unit, _CHAINS[1]))

    return gpu.chain(args=lambda _: [given, last], lengths=lengths, block=32, verify=verify)


def fill(gpu: Any, operation: Operation, *, warps: int, ilp: int, machine: bool = False) -> Any:
    """One block of `warps` warps per SM, `ilp` chains in each thread.

    All blocks do the same: after the timed launches their results must agree, and those of one iteration of the same
    machine code with the reference. machine: instructions per clock are observed as well.
    """
    arch, threads = _arch(gpu), 32 * warps
    steps = operation.body(arch)
    drawn = drawn_for(operation.name, operation.operands, ilp, threads)
    given = gpu.alloc(drawn.nbytes).view(drawn.dtype)
    given.set(drawn.ravel())
    last = gpu.alloc(gpu.multiprocessors * ilp * threads * drawn.itemsize).view(drawn.dtype)
    rounds = _rounds(gpu, operation, steps, warps, ilp)

    def verify() -> bool:
        timed = last.get().view(np.uint8).reshape(gpu.multiprocessors, -1)
        if not (timed == timed[0]).all() or (timed == 0xA5).all():
            return False
        gpu.memset(last, 0xA5)
        gpu.enqueue(gpu.kernel, gpu.multiprocessors, threads, [given, last, np.uint32(1), gpu.bench.slot(0)])
        found = last.get().reshape(gpu.multiprocessors, -1)
        same = bool((found.view(np.uint8) == found[0].view(np.uint8)).all())
        return same and agrees(operation, found[0], after(operation, ilp, threads, steps // ilp, 1))

    work = gpu.fill(
        block=threads,
        args=[given, last, np.uint32(rounds)],
        work=gpu.multiprocessors * threads * steps * operation.per_step * rounds,
        poison=lambda: gpu.memset(last, 0xA5),
        verify=verify,
    )
    if not machine:
        return work
    per_operation = operation.of(operation.machine, arch) / operation.per_step
    return replace(work, clock=Counted(clock=work.clock, per_operation=per_operation))


@dataclass(frozen=True, kw_only=True)
class Counted:
    """A clock that also observes instructions per SM and clock, `per_operation` for each unit of work."""

    clock: Any
    per_operation: float

    def take(self, count: int) -> Any:
        """`count` samples of the clock within, each with `throughput_machine`."""
        taken = self.clock.take(count)
        done = taken.work * self.per_operation / (taken.cycles * taken.multiprocessors)
        return replace(taken, observed={"throughput_machine": done})


def agrees(operation: Operation, found: Any, expected: Any) -> bool:
    """Whether results are those of the reference: bit by bit, or within the tolerance of an approximation."""
    if not operation.tolerance:
        return bool(np.array_equal(found.view(np.uint8), np.ascontiguousarray(expected).view(np.uint8)))
    if found.dtype == np.uint32:
        found, expected = found.view(np.float16).astype(np.float32), expected.view(np.float16).astype(np.float32)
    return bool(np.allclose(found, expected, rtol=operation.tolerance, atol=1e-6))


def follow(operation: Operation, drawn: Any, steps: int, iterations: int) -> Any:
    """The values after `iterations` of `steps` steps from drawn values and operands (chains + 4, lanes)."""
    x = drawn[:-4].ravel()
    v = np.tile(drawn[-4:], drawn.shape[0] - 4)
    with np.errstate(all="ignore"):
        for _ in range(iterations):
            for j in range(steps):
                x = operation.reference(x, v[j % 4], v[(j + 1) % 4], j).astype(drawn.dtype, copy=False)
    return x


@functools.lru_cache(maxsize=256)
def drawn_for(name: str, kind: str, chains: int, lanes: int) -> Any:
    """Values and operands, new ones in every process."""
    rng = np.random.default_rng([os.getpid(), chains, lanes, *name.encode()])
    return np.ascontiguousarray(_operands.draw(kind, rng, chains, lanes))


def _arch(gpu: Any) -> int:
    major, minor = gpu.facts.compute_capability
    return int(10 * major + minor)


def _rounds(gpu: Any, operation: Operation, steps: int, warps: int, ilp: int) -> int:
    """Iterations that take about the wanted cycles, by the ceiling and by the latency, whichever is slower."""
    each = steps * operation.per_step
    ceiling = operation.limit(gpu.machine)
    held_back = each * 32 * warps / (ceiling.value if ceiling else ISSUE)
    return max(1, round(_CYCLES / max(held_back, each / ilp * operation.cycles)))


_known: dict[tuple[Any, ...], Any] = {}


def after(operation: Operation, chains: int, lanes: int, steps: int, iterations: int) -> Any:
    key = (operation.name, chains, lanes, steps, iterations)
    if key not in _known:
        drawn = drawn_for(operation.name, operation.operands, chains, lanes)
        _known[key] = follow(operation, drawn, steps, iterations)
    return _known[key]
