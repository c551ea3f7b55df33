"""Rows of one cell: each metric with its interval, its limit, and whether it may be believed."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridstone.declaration import Cell, Machine, Metric, Samples, Unavailable
from gridstone.device import Reading
from gridstone.measure.clocks import clock
from gridstone.measure.interval import by_visit, clocks_of, interval, makers
from gridstone.measure.sampling import Taken, join
from gridstone.measure.throttling import amiss, slowed
from gridstone.stats import RESAMPLES, Estimate, finite
from gridstone.store import Row


@dataclass(frozen=True, kw_only=True)
class Code:
    """What is known of the machine code of a cell: its digest, what its timed loops hold, what the gate found wrong."""

    sha256: str | None = None
    opcodes: str | None = None
    sass_ok: bool | None = None
    problem: str | None = None


def rows(
    cell: Cell, visits: Sequence[Taken], processes: Sequence[int], code: Code, machine: Machine, run_id: str
) -> list[Row]:
    """One row per metric of a cell that was measured, from all visits to it and the processes that made them."""
    samples = join([visit.samples for visit in visits])
    state = _state(samples, [reading for visit in visits for reading in visit.readings])
    clocks = list(map(clock, visits))
    return [
        _row(cell, metric, visits, samples, clocks, state, processes, code, machine, run_id)
        for metric in cell.probe.metrics
    ]


def values(metric: Metric, visits: Sequence[Taken]) -> list[NDArray[np.float64]]:
    """The finite samples of a metric that each visit gave. Raises Unavailable where it says nothing of the cell."""
    return [finite(metric.reduce(visit.samples)) for visit in visits]


def known(
    metric: Metric,
    visits: Sequence[Taken],
    processes: Sequence[int],
    resamples: int = RESAMPLES,
    before: Row | None = None,
) -> Estimate | None:
    """The value of a metric and its interval; None where no sample of it could be formed.

    before: the row of it that earlier visits have left. Raises Unavailable where the metric says nothing of the cell.
    """
    taken, clocks, made_by = values(metric, visits), list(map(clock, visits)), list[Hashable](processes)
    if before is not None:
        taken = [*by_visit(before.samples, before.visits), *taken]
        clocks = [*clocks_of(before), *clocks]
        made_by = [*makers(before.processes, before.passes), *made_by]
    return interval(metric.unit, taken, clocks, made_by, resamples)


def failed(cell: Cell, status: str, reason: str, machine: Machine, run_id: str, code: Code | None = None) -> list[Row]:
    """One row per metric of a cell that was skipped, crashed or timed out."""
    plain = [_blank(cell, metric, machine, run_id, code or Code()) for metric in cell.probe.metrics]
    return [replace(row, status=status, reason=reason) for row in plain]


def _row(
    cell: Cell,
    metric: Metric,
    visits: Sequence[Taken],
    samples: Samples,
    clocks: Sequence[float],
    state: Mapping[str, Any],
    processes: Sequence[int],
    code: Code,
    machine: Machine,
    run_id: str,
) -> Row:
    verdicts = [visit.verified for visit in visits if visit.verified is not None]
    plain = _blank(cell, metric, machine, run_id, code)
    blank = replace(
        plain,
        verified=all(verdicts) if verdicts else None,
        visits=[0] * len(visits),
        visit_mhz=clocks if np.isfinite(clocks).any() else (),
        processes=list(processes),
        **state,
    )
    try:
        taken = values(metric, visits)
    except Unavailable as unsaid:
        return replace(blank, status="skipped", reason=str(unsaid))
    found = interval(metric.unit, taken, clocks, processes)
    if found is None:
        return replace(blank, status="unverified", reason="no sample of this metric could be formed")
    limit_of = cell.probe.limits.get(metric.name)
    limit = limit_of(machine, cell.axes, samples) if limit_of else None
    row = replace(
        blank,
        value=found.value,
        lo=found.lo,
        hi=found.hi,
        n=found.n,
        samples=np.concatenate(taken).tolist(),
        visits=[x.size for x in taken],
        limit=limit.value if limit else None,
        limit_kind=limit.kind if limit else None,
    )
    status, reason = judged(row, code.problem, machine)
    return replace(row, status=status, reason=reason)


def judged(row: Row, problem: str | None, machine: Machine) -> tuple[str, str | None]:
    """The status of a row that has a value, and why it is that. problem: what the gate found wrong with its code."""
    if row.limit is not None and row.lo is not None and row.hi is not None:
        beyond = row.lo > row.limit if row.better == "higher" else row.hi < row.limit
        if beyond:
            return "impossible", f"beyond its limit of {row.limit:.6g} {row.unit} ({row.limit_kind})"
    if row.verified is False:
        return "unverified", "the result differs from the reference"
    if problem is not None:
        return "unverified", f"machine code: {problem}"
    hit = amiss((row.throttle or "").split("|"), row.axes)
    if hit and slowed(row.unit, row.sm_mhz, machine.gpu.sm_hz_max / 1e6 if machine.gpu else None):
        return "throttled", "the GPU slowed itself while sampling: " + ", ".join(hit)
    return "ok", None


def _state(samples: Samples, readings: Sequence[Reading]) -> dict[str, Any]:
    """The columns that say what the GPU was doing: medians over the samples and readings."""
    hz = finite(samples.sm_hz)
    if not readings:
        return {}
    clocks = [r.sm_mhz for r in readings if r.sm_mhz is not None]
    sm_mhz = statistics.median(hz.tolist()) / 1e6 if hz.size else (statistics.median(clocks) if clocks else None)
    return {
        "sm_mhz": sm_mhz,
        "mem_mhz": _median([r.mem_mhz for r in readings]),
        "power_w": _median([r.power_w for r in readings]),
        "temperature_c": _median([r.temperature_c for r in readings]),
        "throttle": "|".join(sorted(set().union(*(r.throttle for r in readings)))),
    }


def _median(values: list[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(statistics.median(known)) if known else None


def _blank(cell: Cell, metric: Metric, machine: Machine, run_id: str, code: Code) -> Row:
    on_gpu = cell.on_gpu and machine.gpu is not None
    return Row(
        run_id=run_id,
        probe=cell.probe.name,
        cell_id=cell.cell_id,
        metric=metric.name,
        unit=metric.unit,
        better=metric.better,
        axes=cell.axes,
        status="ok",
        device=machine.gpu.name if on_gpu and machine.gpu else machine.cpu,
        device_uuid=machine.gpu.uuid if on_gpu and machine.gpu else None,
        host=machine.host,
        t_utc=datetime.now(UTC).isoformat(timespec="milliseconds"),
        kernel_sha256=code.sha256,
        opcodes=code.opcodes,
        sass_ok=code.sass_ok,
    )
