"""Operations of an SM's pipes: their contracts, and how a chain and a full SM of one is run."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content, cycles, loop, values

_operation = content.load_module(Path(__file__).with_name("operation.py"))
_operands = content.load_module(Path(__file__).with_name("operation_operands.py"))

Operation, ISSUE = _operation.Operation, _operation.ISSUE
_CYCLES = 200_000  # of a timed launch of a full SM: some 100 us, beside which the barriers are nothing
_CHAINS = (1, 4)  # iterations of the two chains


def demands(operations: Mapping[str, Any], axis: str = "function") -> dict[str, list[Any]]:
    """The contracts of a loop that holds one iteration's steps, over all targets."""

    def part(first: int, index: int, clocked: bool) -> Any:
        def found(axes: Mapping[str, Any]) -> tuple[str, int]:
            operation = operations[axes[axis]]
            parts = operation.of(operation.opcodes, first)
            if index >= len(parts) or clocked is ("unclocked" in parts[index]):
                return "", 0
            return parts[index][0], round(parts[index][1] * operation.body(first))

        return loop(
            lambda axes: found(axes)[0],
            count=lambda axes: found(axes)[1],
            clocked=clocked,
            calls=lambda axes: operations[axes[axis]].calls,
        )

    targets = {"sm_80-sm_89": 80, "sm_90-sm_119": 90, "sm_120+": 120}
    return {
        spec: [part(first, *which) for which in ((0, True), (1, True), (1, False))] for spec, first in targets.items()
    }


def chained(operations: Mapping[str, Any], quick: list[str]) -> dict[str, Any]:
    """The declaration of a latency of these operations."""
    return {
        "function": values(operations, quick=quick),
        "knobs": ["function"],
        "measures": cycles(per="operation"),
        "sass": demands(operations),
    }


def limit_of(operations: Mapping[str, Any]) -> Any:
    """The ceiling of the operation that axes name."""
    return lambda machine, axes, _samples: operations[axes["function"]].limit(machine)


def chain(gpu: Any, operation: Any) -> Any:
    """A chain of dependent operations in one warp, verified lane by lane after the longer launch."""
    unit = operation.body(_arch(gpu))
    lengths = tuple(of * unit * operation.per_step for of in _CHAINS)
    drawn = drawn_for(operation.name, operation.operands, 1, 32)
    given = gpu.alloc(drawn.nbytes).view(drawn.dtype)
    given.set(drawn.ravel())
    last = gpu.alloc(32 * drawn.itemsize).view(drawn.dtype)
    gpu.memset(last, 0xA5)

    def verify() -> bool:
        return agrees(operation, last.get(), after(operation, 1, 32, unit, _CHAINS[1]))

    return gpu.chain(args=lambda _: [given, last], lengths=lengths, block=32, verify=verify)


def fill(gpu: Any, operation: Any, *, warps: int, ilp: int, machine: bool = False) -> Any:
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


def agrees(operation: Any, found: Any, expected: Any) -> bool:
    """Whether results are those of the reference: bit by bit, or within the tolerance of an approximation."""
    if not operation.tolerance:
        return bool(np.array_equal(found.view(np.uint8), np.ascontiguousarray(expected).view(np.uint8)))
    if found.dtype == np.uint32:
        found, expected = found.view(np.float16).astype(np.float32), expected.view(np.float16).astype(np.float32)
    return bool(np.allclose(found, expected, rtol=operation.tolerance, atol=1e-6))


def follow(operation: Any, drawn: Any, steps: int, iterations: int) -> Any:
    """The values after `iterations` of `steps` steps from drawn values and operands (chains + 4, lanes).

    Raises ValueError where one leaves the range in which machine code takes no way out.
    """
    x = drawn[:-4].ravel()
    v = np.tile(drawn[-4:], drawn.shape[0] - 4)
    with np.errstate(all="ignore"):
        for _ in range(iterations):
            for j in range(steps):
                x = operation.reference(x, v[j % 4], v[(j + 1) % 4], j).astype(drawn.dtype, copy=False)
                if operation.plain and not ((x >= operation.plain[0]) & (x <= operation.plain[1])).all():
                    raise ValueError(f"a value of {operation.name} left the range that its fast way is for")
    return x


@functools.lru_cache(maxsize=256)
def drawn_for(name: str, kind: str, chains: int, lanes: int) -> Any:
    """Values and operands, new ones in every process."""
    rng = np.random.default_rng([os.getpid(), chains, lanes, *name.encode()])
    return np.ascontiguousarray(_operands.draw(kind, rng, chains, lanes))


def _arch(gpu: Any) -> int:
    major, minor = gpu.facts.compute_capability
    return int(10 * major + minor)


def _rounds(gpu: Any, operation: Any, steps: int, warps: int, ilp: int) -> int:
    """Iterations that take about the wanted cycles, by the ceiling and by the latency, whichever is slower."""
    each = steps * operation.per_step
    ceiling = operation.limit(gpu.machine)
    held_back = each * 32 * warps / (ceiling.value if ceiling else ISSUE)
    return max(1, round(_CYCLES / max(held_back, each / ilp * operation.cycles)))


_known: dict[tuple[Any, ...], Any] = {}


def after(operation: Any, chains: int, lanes: int, steps: int, iterations: int) -> Any:
    key = (operation.name, chains, lanes, steps, iterations)
    if key not in _known:
        drawn = drawn_for(operation.name, operation.operands, chains, lanes)
        _known[key] = follow(operation, drawn, steps, iterations)
    return _known[key]
