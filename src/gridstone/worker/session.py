"""One run, from its cells to its rows on disk: skip, compile, measure, keep, compact."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gridstone import device
from gridstone.compile import Compiled, compiling
from gridstone.declaration import Cell, Machine
from gridstone.errors import UsageError
from gridstone.measure import failed, finishing
from gridstone.plan import missing
from gridstone.stats import Stopping
from gridstone.store import COLUMNS, Row, Run
from gridstone.worker.blocks import blocks
from gridstone.worker.crew import Crew
from gridstone.worker.event import CellDone, CellVisited, Compiling, Event
from gridstone.worker.gathering import Gathering
from gridstone.worker.lock import gpu_lock
from gridstone.worker.provenance import provenance


@dataclass(kw_only=True)
class Session:
    """Measures cells into a run folder; what is finished stays whatever happens next.

    A cell is visited several times, each time set up anew, with other cells in between, and again in a second pass
    through all cells with new processes: its interval then covers what another place in memory, another process or
    another moment would have given. Visits mix within blocks of cells, so that an interrupt costs no more than the
    block under way; what the first pass gave is kept until the second has its own.
    """

    cells: Sequence[Cell]
    folder: Path
    machine: Machine
    request: Mapping[str, Any]
    stopping: Stopping
    timeout_s: float = 60.0
    budget_s: float | None = None
    resume: bool = False
    _statuses: dict[str, str] = field(default_factory=dict)
    _before: dict[str, str] = field(default_factory=dict)
    _info: dict[str, Any] = field(default_factory=dict)
    _ends: float | None = None
    _rest: int = 0
    _step: int = 0
    _steps: int = 0

    def __post_init__(self) -> None:
        self._order = random.Random(self.request.get("seed", 0))

    def events(self) -> Iterator[Event]:
        """Run what is left to run; nothing is written before the GPU and the folder are this session's alone.

        Raises NothingMeasured where the GPU is locked, StoreError where the folder is or cannot be written,
        UsageError for an axis that cannot be a column.
        """
        _check_axes(self.cells)
        run = Run(self.folder)
        with (
            gpu_lock(
                self.machine if any(c.on_gpu for c in self.cells) else None,
                all_gpus=any(c.probe.on_all_gpus for c in self.cells),
            ),
            run.lock(),
        ):
            self._before = run.finished() if self.resume else {}
            self._info = run.info() if self.resume else self._new_info()
            self._save(run, "running")
            rest = [c for c in self.cells if c.cell_id not in self._before]
            status = "interrupted"
            try:
                yield from self._measure(run, rest, len(self._before))
                done = self._before.keys() | self._statuses.keys()
                status = "complete" if {c.cell_id for c in self.cells} <= done else "partial"
            finally:
                self._save(run, status)
            run.compact(finishing(self.machine.gpu.sm_hz_max / 1e6 if self.machine.gpu else None))

    @property
    def left(self) -> int:
        """How many cells a spent budget has left without rows."""
        return self._rest - len(self._statuses)

    def summary(self) -> dict[str, int]:
        """How many cells of the run ended in each status, in this session or in one before it."""
        return dict(Counter((self._before | self._statuses).values()))

    def _measure(self, run: Run, rest: list[Cell], before: int) -> Iterator[Event]:
        passes, self._rest = self.stopping.passes, len(rest)
        self._steps, self._step = passes * (before + len(rest)), passes * before
        reasons = {c.cell_id: missing(c, self.machine, attempt=True) for c in rest}
        for _, of_probe in itertools.groupby(sorted(rest, key=_probe_name), key=_probe_name):
            yield from self._skip(run, [(c, reason) for c in of_probe if (reason := reasons[c.cell_id]) is not None])
        todo = [c for c in rest if reasons[c.cell_id] is None]
        crews = [
            Crew(machine=self.machine, log_dir=self.folder / "logs", timeout_s=self.timeout_s) for _ in range(passes)
        ]
        with contextlib.ExitStack() as stack:
            for crew in crews:
                stack.push(crew)
            self._open_ahead(crews, todo)
            compiled = yield from self._compile([c for c in todo if c.probe.source is not None])
            self._ends = None if self.budget_s is None else time.monotonic() + self.budget_s
            pending = [self._gathering(cell, compiled.get(cell.cell_id)) for cell in todo]
            for left, crew in zip(reversed(range(passes)), crews, strict=True):
                with crew:
                    for block in blocks(pending):
                        yield from self._block(run, crew, block, left)
                pending = [one for one in pending if not one.failed]
                self._order.shuffle(pending)

    def _open_ahead(self, crews: Sequence[Crew], cells: Sequence[Cell]) -> None:
        """Start the processes of one GPU, which come first, while kernels compile: both take seconds.

        Those of the first pass open; those of later ones wait until the ones before have given their memory back.
        """
        for cell in {c.probe.runner: c for c in cells if c.gpu_use == "one"}.values():
            crews[0].open(cell)
            for later in crews[1:]:
                later.prepare(cell)

    def _block(self, run: Run, crew: Crew, cells: Sequence[Gathering], left: int) -> Iterator[Event]:
        """Visit a block of cells in rounds, each in another order, until each has enough or the time is up.

        What a visit gave is judged and kept while the GPU makes the next one. left: how many passes come after this.
        """
        pending, visited = list(cells), list[Gathering]()
        for one in pending:
            one.begin_pass()

        def judged() -> Iterator[Event]:
            while visited:
                one = visited.pop()
                if one.enough:
                    pending.remove(one)
                    yield self._keep(run, one.cell, list(one.outcome().rows), steps=1 + left * one.failed)
                else:
                    yield CellVisited(cell=one.cell, latest=one.latest, done=self._step, total=self._steps)

        said: list[Event] = []
        try:
            while pending:
                self._order.shuffle(pending)
                for one in list(pending):
                    if self._ends is not None and time.monotonic() > self._ends:
                        yield from judged()
                        for begun in (g for g in pending if g.begun):
                            yield self._keep(run, begun.cell, list(begun.outcome().rows))
                        return
                    one.visit(crew, meanwhile=lambda: said.extend(judged()))
                    visited.append(one)
                    yield from said
                    said.clear()
                yield from judged()
        finally:  # an interrupt
            list(judged())

    def _skip(self, run: Run, cells: Sequence[tuple[Cell, str]]) -> Iterator[CellDone]:
        """Keep the cells of a probe that this machine cannot measure, in one file: there may be thousands of them."""
        made = [(cell, failed(cell, "skipped", reason, self.machine, self._run_id)) for cell, reason in cells]
        if made:
            run.write_cell([row for _, rows in made for row in rows])
        for cell, rows in made:
            yield self._done(cell, rows, steps=self.stopping.passes)

    def _gathering(self, cell: Cell, compiled: Compiled | None) -> Gathering:
        return Gathering(
            cell=cell, compiled=compiled, stopping=self.stopping, machine=self.machine, run_id=self._run_id
        )

    def _compile(self, cells: Sequence[Cell]) -> Generator[Compiling, None, Mapping[str, Compiled]]:
        if not cells or self.machine.gpu is None:
            return {}
        start = time.monotonic()
        steps = compiling(cells, self.machine.gpu.arch)
        while True:
            try:
                done, total = next(steps)
            except StopIteration as finished:
                self._info["compile_s"] = round(time.monotonic() - start, 3)
                compiled: Mapping[str, Compiled] = finished.value
                return compiled
            yield Compiling(done=done, total=total)

    def _keep(self, run: Run, cell: Cell, rows: list[Row], steps: int = 1) -> CellDone:
        run.write_cell(rows)
        return self._done(cell, rows, steps)

    def _done(self, cell: Cell, rows: list[Row], steps: int) -> CellDone:
        self._statuses[cell.cell_id] = rows[0].status
        self._step += steps
        return CellDone(cell=cell, rows=rows, done=self._step, total=self._steps)

    @property
    def _run_id(self) -> str:
        return str(self._info.get("run_id", self.folder.name))

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
        self._info |= {"status": status, "updated_utc": _now(), "counts": self.summary()}
        run.write_info(self._info)


def _probe_name(cell: Cell) -> str:
    return cell.probe.name


def _check_axes(cells: Sequence[Cell]) -> None:
    """Raises UsageError for an axis whose values would have no column of their own."""
    for name, axes in {c.probe.name: c.axes for c in cells}.items():
        for axis in axes:
            if axis in COLUMNS:
                raise UsageError(f"{name}: the axis {axis} has the name of a results column: rename it")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
