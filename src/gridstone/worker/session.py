"""One run, from its cells to its rows on disk: skip, compile, measure, keep, compact."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import time
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
from gridstone.worker.event import CellDone, CellVisited, Compiling, Event, Resuming
from gridstone.worker.gathering import Gathering
from gridstone.worker.lock import gpu_lock
from gridstone.worker.passes import Tally
from gridstone.worker.provenance import provenance


@dataclass(kw_only=True)
class Session:
    """Measures cells into a run folder; what is finished stays whatever happens next.

    A cell is visited several times, each time set up anew, with other cells in between, and again in a second pass
    through all cells with new processes: its interval then covers what another place in memory, another process or
    another moment would have given. Visits mix within blocks of cells, so that an interrupt costs no more than the
    block under way; what the first pass gave is kept until the second has its own. A session that resumes a run makes
    the passes that its cells lack.

    tally: what the cells have become. spent: whether the budget has ended it with cells that were to be visited.
    """

    cells: Sequence[Cell]
    folder: Path
    machine: Machine
    request: Mapping[str, Any]
    stopping: Stopping
    timeout_s: float = 60.0
    budget_s: float | None = None
    resume: bool = False
    _info: dict[str, Any] = field(default_factory=dict)
    _ends: float | None = None
    tally: Tally = field(init=False)
    spent: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._order = random.Random(self.request.get("seed", 0))
        self.tally = self._tally({})

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
            kept = run.kept() if self.resume else {}
            self._info = run.info() if self.resume else self._new_info()
            self.tally = self._tally(kept)
            self._save(run, "running")
            status = "interrupted"
            try:
                if self.resume:
                    now = self.tally
                    yield Resuming(finished=now.finished, short=now.short, done=now.done, total=now.total)
                yield from self._measure(run, {i: rows for i, rows in kept.items() if self.tally.lacks(i)})
                status = "complete" if self.tally.complete else "partial"
            finally:
                self._save(run, status)
            run.compact(finishing(self.machine.gpu.sm_hz_max / 1e6 if self.machine.gpu else None))

    def _measure(self, run: Run, kept: Mapping[str, Sequence[Row]]) -> Iterator[Event]:
        """Make the passes that are lacking. kept: the rows of the cells that have had some."""
        rest = [c for c in self.cells if self.tally.lacks(c.cell_id)]
        reasons = {c.cell_id: missing(c, self.machine, attempt=True) for c in rest}
        unable = sorted((c for c in rest if reasons[c.cell_id] and c.cell_id not in kept), key=_probe_name)
        for _, of_probe in itertools.groupby(unable, key=_probe_name):
            yield from self._skip(run, [(c, str(reasons[c.cell_id])) for c in of_probe])
        todo = [c for c in rest if reasons[c.cell_id] is None]
        most = max((self.tally.lacks(c.cell_id) for c in todo), default=0)
        numbers = range(self.stopping.passes - most, self.stopping.passes)
        crews = [Crew(machine=self.machine, log_dir=self.folder / "logs", timeout_s=self.timeout_s) for _ in numbers]
        with contextlib.ExitStack() as stack:
            for crew in crews:
                stack.push(crew)
            self._open_ahead(crews, todo)
            compiled = yield from self._compile([c for c in todo if c.probe.source is not None])
            self._ends = None if self.budget_s is None else time.monotonic() + self.budget_s
            made = [self._gathering(c, compiled.get(c.cell_id), kept.get(c.cell_id, ())) for c in todo]
            pending = [one for one in made if one.continues]
            for number, crew in zip(numbers, crews, strict=True):
                if number:
                    self._order.shuffle(pending)
                with crew:
                    for block in blocks([one for one in pending if one.passes_before <= number]):
                        yield from self._block(run, crew, block)
                pending = [one for one in pending if not one.failed]

    def _open_ahead(self, crews: Sequence[Crew], cells: Sequence[Cell]) -> None:
        """Start the processes of one GPU, which come first, while kernels compile: both take seconds.

        Those of the first pass open; those of later ones wait until the ones before have given their memory back.
        """
        of_one_gpu = sorted((c for c in cells if c.gpu_use == "one"), key=lambda c: self.tally.lacks(c.cell_id))
        for cell in {c.probe.runner: c for c in of_one_gpu}.values():
            for crew in crews[-self.tally.lacks(cell.cell_id) :]:
                if crew is crews[0]:
                    crew.open(cell)
                else:
                    crew.prepare(cell)

    def _block(self, run: Run, crew: Crew, cells: Sequence[Gathering]) -> Iterator[Event]:
        """Visit a block of cells in rounds, each in another order, until each has enough or the time is up.

        What a visit gave is judged and kept while the GPU makes the next one.
        """
        pending, visited = list(cells), list[Gathering]()
        for one in pending:
            one.begin_pass()

        def judged() -> Iterator[Event]:
            while visited:
                one = visited.pop()
                if one.enough:
                    pending.remove(one)
                    yield self._keep(run, one.cell, list(one.outcome().rows))
                else:
                    yield CellVisited(cell=one.cell, latest=one.latest, done=self.tally.done, total=self.tally.total)

        said: list[Event] = []
        try:
            while pending:
                self._order.shuffle(pending)
                for one in list(pending):
                    if self._ends is not None and time.monotonic() > self._ends:
                        self.spent = True
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
            yield self._done(cell, rows)

    def _gathering(self, cell: Cell, compiled: Compiled | None, before: Sequence[Row]) -> Gathering:
        return Gathering(
            cell=cell,
            compiled=compiled,
            stopping=self.stopping,
            machine=self.machine,
            run_id=self._run_id,
            before=before,
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

    def _keep(self, run: Run, cell: Cell, rows: list[Row]) -> CellDone:
        run.write_cell(rows)
        return self._done(cell, rows)

    def _done(self, cell: Cell, rows: list[Row]) -> CellDone:
        self.tally.enter(cell.cell_id, rows)
        return CellDone(cell=cell, rows=rows, done=self.tally.done, total=self.tally.total)

    def _tally(self, kept: Mapping[str, Sequence[Row]]) -> Tally:
        return Tally([c.cell_id for c in self.cells], self.stopping.passes, kept)

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
        self._info |= {"status": status, "updated_utc": _now(), "counts": self.tally.counts}
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
