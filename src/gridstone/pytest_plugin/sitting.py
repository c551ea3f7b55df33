"""The one run that all cells of a pytest session go to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gridstone.compile import Compiled, compile_all
from gridstone.declaration import Cell, Machine
from gridstone.device import discover
from gridstone.measure import failed
from gridstone.plan import missing
from gridstone.pytest_plugin.collect import cells_of
from gridstone.stats import Stopping
from gridstone.store import Run, new_run_id
from gridstone.worker import Crew, Gathering, Outcome, gpu_lock
from gridstone.worker.provenance import provenance


class Sitting:
    """A run folder, the children that measure and the kernels, from the first cell to the session's end."""

    def __init__(
        self,
        *,
        machine: Machine,
        out: Path,
        timeout_s: float,
        planned: Sequence[Cell],
        request: Mapping[str, Any],
    ) -> None:
        """planned: cells whose kernels are compiled in parallel when the first of them is measured."""
        run_id = new_run_id()
        self.machine = machine
        self.run = Run(out / run_id)
        self._info = {
            "run_id": run_id,
            "status": "running",
            "started_utc": _now(),
            "request": dict(request),
            **provenance(machine),
        }
        self.run.write_info(self._info)
        self._planned = [c for c in planned if c.probe.source is not None and missing(c, machine) is None]
        self._compiled: dict[str, Compiled] = {}
        self._counts: Counter[str] = Counter()
        self._open = ExitStack()
        self._crew = self._open.enter_context(
            Crew(machine=machine, log_dir=self.run.folder / "logs", timeout_s=timeout_s)
        )
        self._locked = False

    @classmethod
    def start(cls, session: pytest.Session) -> Sitting:
        """Begin a session's run. Raises UsageError for an unknown GPU, StoreError for a closed folder."""
        config = session.config
        return cls(
            machine=discover(config.getoption("gridstone_device")),
            out=config.invocation_params.dir / config.getoption("gridstone_out"),
            timeout_s=config.getoption("gridstone_timeout"),
            planned=cells_of(session),
            request={"pytest": list(config.invocation_params.args)},
        )

    @property
    def cells(self) -> int:
        """How many cells have their rows on disk."""
        return self._counts.total()

    def identity(self) -> dict[str, Any]:
        """What pytest-benchmark's files say of the measured device and of this run."""
        return {**identity(self.machine), "run_id": self._info["run_id"]}

    def measure(self, cell: Cell, stopping: Stopping) -> Outcome:
        """Measure a cell, or say why this machine cannot, and keep its rows.

        Raises NothingMeasured where another process holds the GPU, StoreError where the rows cannot be kept.
        """
        reason = missing(cell, self.machine)
        if reason is None:
            outcome = self._visit(cell, stopping)
        else:
            outcome = Outcome(rows=tuple(failed(cell, "skipped", reason, self.machine, self._info["run_id"])))
        self.run.write_cell(outcome.rows)
        self._counts[outcome.rows[0].status] += 1
        return outcome

    def finish(self, status: str) -> None:
        """End the children, give the GPU back, merge the parts."""
        self._open.close()
        self._info |= {"status": status, "updated_utc": _now(), "counts": dict(self._counts)}
        self.run.write_info(self._info)
        self.run.compact()

    def _visit(self, cell: Cell, stopping: Stopping) -> Outcome:
        gathering = Gathering(
            cell=cell,
            compiled=self._kernel(cell),
            stopping=stopping,
            machine=self.machine,
            run_id=self._info["run_id"],
        )
        while not gathering.enough:
            gathering.visit(self._crew)
        return gathering.outcome()

    def _kernel(self, cell: Cell) -> Compiled | None:
        if not cell.probe.on_gpu or self.machine.gpu is None:
            return None
        if not self._locked:
            self._open.enter_context(gpu_lock(self.machine, all_gpus=cell.probe.on_all_gpus))
            self._locked = True
        if cell.probe.source is not None and cell.cell_id not in self._compiled:
            self._compiled |= compile_all([cell, *self._planned], self.machine.gpu.arch)
        return self._compiled.get(cell.cell_id)


def identity(machine: Machine) -> dict[str, Any]:
    """The measured device: its name, which comparisons hang on, and its UUID."""
    if machine.gpu is None:
        return {"device": machine.cpu, "device_uuid": None}
    return {"device": machine.gpu.name, "device_uuid": machine.gpu.uuid}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
