"""What Nsight Compute counted of some kernels, beside what gridstone counts of them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_TOLERANCE = 0.01
_BUSY_CYCLES = 3_000_000  # launch and prologue are in ncu's counts and not in ours: they must not weigh


@dataclass(frozen=True, kw_only=True)
class Case:
    """A kernel by the shape that it repeats, and the counter of its machine instruction.

    each: machine instructions per product. busy: what is known of the tensor cores: `always` where products follow each
    other as fast as they take them; `by limit` where they have gaps but work at the rate of the data sheet, so that the
    work over that rate is how long they are busy; `unknown`. cycles: about what the kernel shall take, were it native.
    """

    shape: tuple[Any, ...]
    counter: str
    each: int = 1
    busy: str = "always"
    cycles: int = _BUSY_CYCLES

    @property
    def name(self) -> str:
        a, b, acc, m, k, *rest = self.shape
        return f"{'mma.sp' if rest and rest[0] else 'mma'} m{m}n8k{k} {a} x {b} + {acc}"


CASES = (
    Case(shape=("f16", "f16", "f32", 16, 16), counter="hmma"),
    Case(shape=("f16", "f16", "f32", 16, 32, True), counter="hmma"),
    Case(shape=("s8", "s8", "s32", 16, 32), counter="imma"),
    Case(shape=("f64", "f64", "f64", 16, 8), counter="dmma", busy="by limit"),
    Case(shape=("e4m3", "e4m3", "f32", 16, 32), counter="hmma", each=2, busy="unknown", cycles=4 * _BUSY_CYCLES),
)
ALL, CYCLES, BUSY = "smsp__inst_executed.sum", "sm__cycles_elapsed.max", "sm__pipe_tensor_cycles_active.avg"


def matrix_metric(counter: str) -> str:
    """The metric that counts one kind of matrix instruction, warp by warp, on all SMs."""
    return f"sm__inst_executed_pipe_tensor_op_{counter}.sum"


METRICS = (ALL, CYCLES, BUSY, *dict.fromkeys(matrix_metric(case.counter) for case in CASES))


def given(listed: str, wanted: Sequence[str] = METRICS) -> tuple[str, ...]:
    """Those of the wanted metrics that `ncu --query-metrics` lists; all where it lists nothing that we know.

    ncu refuses to count anything where it is asked for a metric that the chip does not have.
    """
    names = {words[0] for line in listed.splitlines() if (words := line.split())}
    return tuple(metric for metric in wanted if metric.split(".")[0] in names) or tuple(wanted)


def read_counts(text: str, wanted: Sequence[str] = METRICS) -> list[dict[str, float]]:
    """The wanted metrics of each profiled kernel, in order, from `ncu --csv --page raw`; what ncu left out is missing.

    The table follows ncu's own remarks (lines that begin with ==), and its first row holds units. Raises ValueError
    where there is no table.
    """
    lines = [line for line in text.splitlines() if line.startswith('"')]
    if not lines:
        said = " ".join(line for line in text.splitlines() if "ERROR" in line) or text.strip()[-300:]
        raise ValueError(f"ncu printed no table: {said or 'nothing at all'}")
    rows = list(csv.DictReader(lines))
    kernels = [row for row in rows if row["ID"].strip()]
    return [
        {name: number for name in row if name in wanted and (number := _number(row[name])) is not None}
        for row in kernels
    ]


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", ""))
    except (ValueError, AttributeError):
        return None


def compare(ours: Sequence[Mapping[str, Any]], theirs: Sequence[Mapping[str, float]]) -> list[dict[str, Any]]:
    """A record per kernel and quantity: both counts, their ratio, and whether it lies within 1 % of one.

    `agrees` is None where ncu did not give the metric. Raises ValueError where ncu saw another number of kernels.
    """
    if len(ours) != len(theirs):
        raise ValueError(f"ncu saw {len(theirs)} kernels, {len(ours)} were run")
    records = []
    for mine, counted in zip(ours, theirs, strict=True):
        wanted = {
            "matrix instructions": (mine["matrix"], matrix_metric(mine["counter"])),
            "instructions": (mine["instructions"], ALL),
            "cycles": (mine["cycles"], CYCLES),
        }
        if mine["busy_cycles"] is not None:
            wanted["tensor pipe busy"] = (mine["busy_cycles"], BUSY)
        for quantity, (count, metric) in wanted.items():
            other = counted.get(metric)
            ratio = other / count if other is not None else None
            records.append(
                {
                    "kernel": mine["name"],
                    "quantity": quantity,
                    "metric": metric,
                    "ours": count,
                    "ncu": other,
                    "ratio": ratio,
                    "agrees": None if ratio is None else abs(ratio - 1) <= _TOLERANCE,
                }
            )
    return records


def instructions_per_iteration(opcodes: str) -> int:
    """How many instructions a loop holds, from the results column `opcodes`: `HMMA.16816.F32*64 UIADD3*2` is 66."""
    return sum(int(part.rpartition("*")[2]) for part in opcodes.split())
