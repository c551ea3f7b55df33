"""Two operations side by side in every thread: their contract, their ceiling, and how an SM is filled with both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import Limit, content, loop

_operations = content.load_module(Path(__file__).with_name("operations.py"))
CHAINS = 4
_CYCLES = 200_000


def steps(ratio: int) -> int:
    """Steps of the second operation per iteration; of the first there are `ratio` times as many."""
    return 240 // (ratio + 1) // CHAINS * CHAINS


def demands(operations: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The contracts of both operations, over all targets; `second` may be none."""

    def part(first_target: int, axis: str) -> Any:
        def found(axes: Mapping[str, Any]) -> tuple[str, int]:
            sides = [operations[axes[name]] for name in ("first", "second") if axes[name] != "none"]
            if axes[axis] == "none" or any(s.of(s.machine, first_target) > 1 for s in sides):
                return "", 0  # what is emulated is no pair of two instructions
            operation = operations[axes[axis]]
            ((opcode, each),) = operation.of(operation.opcodes, first_target)
            times = axes["ratio"] if axis == "first" else 1
            return opcode, each * steps(axes["ratio"]) * times

        return loop(lambda axes: found(axes)[0], count=lambda axes: found(axes)[1], clocked=True)

    targets = {"sm_80-sm_89": 80, "sm_90-sm_119": 90, "sm_120+": 120}
    return {spec: [part(target, axis) for axis in ("first", "second")] for spec, target in targets.items()}


def limit(machine: Any, first: Any, second: Any | None, ratio: int) -> Limit | None:
    """Instructions of both per SM and clock, where neither waits for the other and 128 are issued."""
    groups = [(first, ratio), *([(second, 1)] if second else [])]
    ceilings = [operation.limit(machine) for operation, _ in groups]
    if any(ceiling is None for ceiling in ceilings):
        return None
    alone = [n * side.per_step / ceiling.value for (side, n), ceiling in zip(groups, ceilings, strict=True)]
    both = sum(n for _, n in groups)
    kind = "the slower of both pipes, or four instructions issued per clock"
    return Limit(value=both / max(*alone, both / _operations.ISSUE), kind=kind)


def fill(gpu: Any, first: Any, second: Any | None, ratio: int, warps: int) -> Any:
    """Every SM full of both; each one's results are verified as those of a single operation are."""
    threads, sms = 32 * warps, gpu.multiprocessors
    sides = [(first, ratio * steps(ratio)), (second, steps(ratio))]
    given, last = [], []
    for operation, _ in sides:
        drawn = np.zeros(1, np.uint32) if operation is None else _drawn(operation, threads)
        given.append(gpu.alloc(drawn.nbytes).view(drawn.dtype))
        given[-1].set(drawn.ravel())
        last.append(gpu.alloc((sms * CHAINS * threads if operation else 1) * drawn.itemsize).view(drawn.dtype))

    def poison() -> None:
        for array in last:
            gpu.memset(array, 0xFF)

    def verify() -> bool:
        poison()
        args = [*given, *last, np.uint32(1), gpu.bench.slot(0)]
        gpu.enqueue(gpu.kernel, sms, threads, args)
        return all(
            _holds(operation, array.get().reshape(sms, -1), threads, count // CHAINS)
            for (operation, count), array in zip(sides, last, strict=True)
            if operation is not None
        )

    per_thread = sum(count for operation, count in sides if operation is not None)
    ceiling = limit(gpu.machine, first, second, ratio)
    rate = ceiling.value if ceiling else 16.0
    rounds = max(1, round(_CYCLES / (threads * per_thread / rate)))
    return gpu.fill(
        block=threads,
        args=[*given, *last, np.uint32(rounds)],
        work=sms * threads * per_thread * rounds,
        poison=poison,
        verify=verify,
    )


def _drawn(operation: Any, threads: int) -> Any:
    return _operations.drawn_for(operation.name, operation.operands, CHAINS, threads)


def _holds(operation: Any, found: Any, threads: int, count: int) -> bool:
    """Whether every block has the results of the reference."""
    expected = _operations.after(operation, CHAINS, threads, count, 1)
    same = (found.view(np.uint8) == found[0].view(np.uint8)).all()
    return bool(same) and bool(_operations.agrees(operation, found[0], expected))
