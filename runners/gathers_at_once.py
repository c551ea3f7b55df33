"""Zero-copy gathers on several GPUs at the same time: what each of them and all of them get out of host memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work
from gridstone.declaration import Samples

_here = Path(__file__)
_gathers, _tables = (content.load_module(_here.with_name(f"{name}.py")) for name in ("gathers", "host_table"))
_WIRE = 64 << 20
_GRID, _WARPS = 64, 16


class _Side:
    """One GPU with its own lists of rows out of the table that all of them read."""

    def __init__(self, gpu: Any, table: Any, footprint: int, row_bytes: int, vector: int) -> None:
        self.gpu, self._table = gpu, table
        self.bytes = _WIRE // row_bytes * row_bytes
        gpu.activate()
        self._listed = _gathers.rows(
            gpu,
            footprint=footprint,
            row_bytes=row_bytes,
            align=0,
            count=self.bytes // row_bytes,
            distribution="uniform",
        )
        self._gathered = gpu.alloc(self.bytes)
        self._fixed = [np.uint32(self._listed.count), np.uint32(row_bytes // vector), np.uint32(1)]
        gpu.synchronize()

    def enqueue(self) -> None:
        """One launch over the next list."""
        args = [self._gathered, self._table.device, self._listed.next(), *self._fixed]
        self.gpu.enqueue(self.gpu.kernel, _GRID, 32 * _WARPS, args)

    def poison(self) -> None:
        self.gpu.activate()
        self.gpu.memset(self._gathered, 0xFF)
        self.gpu.synchronize()

    def verify(self) -> bool:
        self.gpu.activate()
        self.gpu.synchronize()
        return bool(self._listed.wrong(self._gathered) == 0)


@dataclass(kw_only=True)
class _AtOnce:
    """Times one launch on every side; all begin when the first side's gate opens."""

    sides: Sequence[_Side]

    def take(self, count: int) -> Samples:
        """`count` samples: the seconds of the slowest side; observed is each side's own rate, side by side."""
        times = np.array([self._once() for _ in range(count)])
        each = np.array([side.bytes for side in self.sides]) / times
        total = float(sum(side.bytes for side in self.sides))
        return Samples(seconds=times.max(axis=1), work=total, observed={"bandwidth_gpu": each.ravel()})

    def _once(self) -> list[float]:
        lead = self.sides[0].gpu
        lead.activate()
        lead.bench.close_gate()
        try:
            fork = lead.cp.cuda.Event(disable_timing=True)
            fork.record(lead.stream)
            marks = []
            for side in self.sides:
                side.gpu.activate()
                side.gpu.stream.wait_event(fork)
                start = side.gpu.bench.event()
                side.enqueue()
                marks.append((start, side.gpu.bench.event()))
        finally:
            lead.bench.open_gate()
        found = []
        for side, (start, end) in zip(self.sides, marks, strict=True):
            side.gpu.activate()
            side.gpu.synchronize()
            found.append(side.gpu.bench.elapsed_s(start, end))
        lead.activate()
        return found


def at_once(peers: Any, *, ranks: int, footprint: int, row_bytes: int, vector: int) -> Work:
    """Rows of a page-locked table of `footprint` bytes, read in place by the first `ranks` GPUs, each its own rows."""
    table = _tables.table(peers.gpu(0), footprint, "pinned")
    sides = [_Side(peers.gpu(place), table, footprint, row_bytes, vector) for place in range(ranks)]
    clock = _AtOnce(sides=sides)
    for side in sides:  # the driver loads a kernel at its first launch, and waits for the stream to do so
        side.gpu.activate()
        side.enqueue()
        side.gpu.synchronize()
    sides[0].gpu.activate()
    return Work(
        clock=clock,
        poison=lambda: [side.poison() for side in sides] and None,
        verify=lambda: all(side.verify() for side in sides),
    )
