"""One run, from its cells to its rows on disk: skip, compile, measure, keep, compact."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from gridstone import device
from gridstone.compile import Compiled, compile_all
from gridstone.declaration import Cell, Machine
from gridstone.errors import NothingMeasured
from gridstone.measure import Code, failed
from gridstone.plan import missing
from gridstone.stats import Stopping
from gridstone.store import Row, Run
from gridstone.worker.crew import Crew
from gridstone.worker.job import Outcome
from gridstone.worker.provenance import provenance


@dataclass(frozen=True, kw_only=True)
class Compiling:
    """Kernels compiled and checked so far."""

    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class CellDone:
    """A cell has its rows on disk."""

    cell: Cell
    rows: list[Row]
    done: int
    total: int


@dataclass(kw_only=True)
class Session:
    """Measures cells into a run folder, one event per cell; what is finished stays whatever happens next."""

    cells: Sequence[Cell]
    folder: Path
    machine: Machine
    request: Mapping[str, Any]
    stopping: Stopping
    timeout_s: float = 60.0
    budget_s: float | None = None
    resume: bool = False
    _counts: Counter[str] = field(default_factory=Counter)
    _info: dict[str, Any] = field(default_factory=dict)

    def events(self) -> Iterator[Compiling | CellDone]:
        """Run what is left to run. Raises NothingMeasured where the GPU is locked, StoreError for a full disk."""
        run = Run(self.folder)
        finished = run.finished() if self.resume else set()
        self._info = run.info() if self.resume else self._new_info()
        self._save(run, "running")
        rest = [c for c in self.cells if c.cell_id not in finished]
        status = "interrupted"
        try:
            with gpu_lock(self.machine if any(c.probe.on_gpu for c in rest) else None):
                yield from self._measure(run, rest, len(finished))
            status = "complete" if self._done(run) else "partial"
        finally:
            self._save(run, status)
        run.compact()

    def summary(self) -> dict[str, int]:
        """How many cells ended in each status, in this session."""
        return dict(self._counts)

    def _measure(self, run: Run, rest: list[Cell], before: int) -> Iterator[Compiling | CellDone]:
        total, done = before + len(rest), before
        reasons = {c.cell_id: missing(c, self.machine) for c in rest}
        for cell in rest:
            reason = reasons[cell.cell_id]
            if reason is not None:
                done += 1
                yield self._keep(run, cell, failed(cell, "skipped", reason, self.machine, self._run_id), done, total)
        todo = [c for c in rest if reasons[c.cell_id] is None]
        with_kernel = [c for c in todo if c.probe.source is not None]
        yield Compiling(done=0, total=len(with_kernel))
        compiled = self._compile(with_kernel)
        yield Compiling(done=len(with_kernel), total=len(with_kernel))
        start = time.monotonic()
        log_dir = self.folder / "logs"
        with Crew(machine=self.machine, log_dir=log_dir, timeout_s=self.timeout_s, run_id=self._run_id) as crew:
            for cell in todo:
                if self.budget_s is not None and time.monotonic() - start > self.budget_s:
                    return
                rows = list(measure_cell(crew, cell, compiled.get(cell.cell_id), self.stopping).rows)
                done += 1
                yield self._keep(run, cell, rows, done, total)

    def _compile(self, cells: Sequence[Cell]) -> Mapping[str, Compiled]:
        if not cells or self.machine.gpu is None:
            return {}
        start = time.monotonic()
        compiled = compile_all(cells, self.machine.gpu.arch)
        self._info["compile_s"] = round(time.monotonic() - start, 3)
        return compiled

    def _keep(self, run: Run, cell: Cell, rows: list[Row], done: int, total: int) -> CellDone:
        run.write_cell(rows)
        self._counts[rows[0].status] += 1
        return CellDone(cell=cell, rows=rows, done=done, total=total)

    def _done(self, run: Run) -> bool:
        return {c.cell_id for c in self.cells} <= run.finished()

    @property
    def _run_id(self) -> str:
        return str(self._info["run_id"])

    def _new_info(self) -> dict[str, Any]:
        return {
            "run_id": self.folder.name,
            "status": "running",
            "started_utc": _now(),
            "request": dict(self.request),
            "cells": [c.cell_id for c in self.cells],
            **provenance(self.machine),
            "other_gpu_processes": self._others(),
        }

    def _others(self) -> list[dict[str, Any]]:
        return device.other_processes(self.machine.gpu.uuid, {os.getpid()}) if self.machine.gpu else []

    def _save(self, run: Run, status: str) -> None:
        self._info |= {"status": status, "updated_utc": _now(), "counts": dict(self._counts)}
        run.write_info(self._info)


def measure_cell(crew: Crew, cell: Cell, compiled: Compiled | None, stopping: Stopping) -> Outcome:
    """One cell with its kernel, as every caller measures it; a kernel that does not compile has `crashed` rows."""
    if compiled is None:
        return crew.measure(cell, stopping)
    if compiled.binary is None:
        reason = compiled.error or "the kernel does not compile"
        return Outcome(rows=tuple(failed(cell, "crashed", reason, crew.machine, crew.run_id)))
    problem = compiled.problems[0] if compiled.problems else None
    code = Code(sha256=compiled.binary.sha256, sass_ok=compiled.sass_ok, problem=problem)
    return crew.measure(cell, stopping, cubin=compiled.binary.cubin, code=code)


@contextmanager
def gpu_lock(machine: Machine | None) -> Iterator[None]:
    """Hold the lock of the machine's GPU. Raises NothingMeasured where another gridstone process holds it."""
    if machine is None or machine.gpu is None:
        yield
        return
    path = Path(tempfile.gettempdir()) / f"gridstone-{machine.gpu.uuid}.lock"
    lock = FileLock(path, mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise NothingMeasured(
            f"{machine.gpu.name} ({machine.gpu.uuid}) is being measured by another gridstone process: "
            "wait for it, or choose another GPU with --device"
        ) from None
    try:
        yield
    finally:
        lock.release()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
