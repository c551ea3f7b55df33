"""One cell on its way to its rows: visited again and again until that is enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from gridstone.compile import Compiled
from gridstone.declaration import Cell, Machine, Metric, Unavailable
from gridstone.measure import Code, Taken, continued, failed, join, known, rows, values
from gridstone.stats import Stopping, finite
from gridstone.store import Row
from gridstone.worker.crew import Crew, nothing
from gridstone.worker.job import Failure, Outcome, Visit
from gridstone.worker.passes import made

_FOR_A_LOOK = 199  # resamples that decide whether to go on; the interval that is kept has more


@dataclass(kw_only=True)
class Gathering:
    """What the visits to a cell gave so far. A visit that fails is the last; what those before it gave is kept.

    before: the rows that the cell has from passes of an earlier session, on whose samples it goes on.
    """

    cell: Cell
    compiled: Compiled | None
    stopping: Stopping
    machine: Machine
    run_id: str
    before: Sequence[Row] = ()
    _visits: list[Visit] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _judged_s: float = 0.0
    _failure: Failure | None = None

    def __post_init__(self) -> None:
        self.stopping = replace(self.stopping, budget_s=self.stopping.budget_s * self.cell.probe.budget)
        if self.compiled is not None and self.compiled.binary is None:
            reason = self.compiled.error or "the kernel does not compile"
            self._failure = Failure(status="crashed", reason=reason)

    @property
    def passes_before(self) -> int:
        """How many passes earlier sessions have made."""
        return made(self.before)

    @property
    def continues(self) -> bool:
        """Whether what there is from before is of the same device, or the same host, and of the same binary."""
        here = {_origin(row) for row in failed(self.cell, "skipped", "", self.machine, self.run_id, self._code())}
        return {_origin(row) for row in self.before} <= here

    @property
    def begun(self) -> bool:
        """Whether this pass has given anything to keep."""
        return len(self._visits) > self._start or self._failure is not None

    @property
    def enough(self) -> bool:
        """Whether the cell is not to be visited again in this pass."""
        if self._failure is not None:
            return True
        now = self._visits[self._start :]
        start = time.perf_counter()
        try:
            return self.stopping.enough(len(now), sum(visit.wall_s for visit in now), self._narrow)
        except Unavailable:
            return True
        finally:
            self._judged_s += time.perf_counter() - start

    @property
    def failed(self) -> bool:
        """Whether a visit failed, or the kernel: there is no further pass."""
        return self._failure is not None

    @property
    def latest(self) -> float | None:
        """Median of the first metric in the last visit."""
        if not self._visits:
            return None
        found = finite(self.cell.probe.metrics[0].reduce(self._visits[-1].taken.samples))
        return float(np.median(found)) if found.size else None

    def begin_pass(self) -> None:
        """From here on the number of visits and the budget count anew."""
        self._starts.append(len(self._visits))

    def visit(self, crew: Crew, meanwhile: Callable[[], None] = nothing) -> None:
        """Visit the cell once more, unless it has failed. meanwhile: what the crew may have done beside it."""
        if self._failure is not None:
            meanwhile()
            return
        binary = self.compiled.binary if self.compiled else None
        turn = len(self._visits) - self._start
        cubin = binary.cubin if binary else None
        answer = crew.visit(self.cell, self.stopping.samples, cubin, turn, meanwhile)
        if isinstance(answer, Visit):
            self._visits.append(answer)
        else:
            self._failure = answer

    def outcome(self) -> Outcome:
        """The rows of the cell from all visits; where one failed they say how, and have no other status."""
        if self._failure is None:
            seconds = join([visit.samples for visit in self._taken]).seconds
            return Outcome(rows=tuple(self._of_visits()), seconds=tuple(seconds.tolist()))
        status, reason, wall = self._failure.status, self._failure.reason, self._failure.wall_s
        count = len(self._visits) + max((sum(row.passes) for row in self.before), default=0)
        if count:
            reason += f" (values: {count} visit{'s' if count > 1 else ''} before)"
        blank = failed(self.cell, status, reason, self.machine, self.run_id, self._code())
        found = self._of_visits() if self._visits else self._after_those_before(blank)
        return Outcome(
            rows=tuple(replace(row, status=status, reason=reason, wall_s=(row.wall_s or 0) + wall) for row in found)
        )

    def _of_visits(self) -> list[Row]:
        start = time.perf_counter()
        try:
            found = rows(self.cell, self._taken, self._processes, self._code(), self.machine, self.run_id)
        except Exception as error:  # a limit that a probe declares may fail on what came out
            reason = f"{type(error).__name__}: {error}"
            found = failed(self.cell, "crashed", reason, self.machine, self.run_id, self._code())
        self._judged_s += time.perf_counter() - start
        wall = sum(visit.wall_s for visit in self._visits) + self._judged_s
        overhead = wall - sum(visit.work_s for visit in self._visits)
        found = [replace(row, wall_s=wall, overhead_s=overhead) for row in found]
        return self._after_those_before([replace(row, passes=self._passes) if row.visits else row for row in found])

    def _after_those_before(self, found: Sequence[Row]) -> list[Row]:
        problem = self._code().problem
        known = ((self._before_of(row.metric), row) for row in found)
        return [row if before is None else continued(before, row, problem, self.machine) for before, row in known]

    def _before_of(self, metric: str) -> Row | None:
        return next((row for row in self.before if row.metric == metric), None)

    @property
    def _taken(self) -> list[Taken]:
        return [visit.taken for visit in self._visits]

    @property
    def _start(self) -> int:
        return self._starts[-1] if self._starts else 0

    @property
    def _passes(self) -> list[int]:
        """How many visits each pass made so far."""
        ends = [*self._starts[1:], len(self._visits)]
        return [count for start, end in zip(self._starts or [0], ends, strict=True) if (count := end - start)]

    @property
    def _processes(self) -> list[int]:
        return [visit.process for visit in self._visits]

    def _narrow(self) -> bool:
        """Whether the intervals of the first metric and of all that say how narrow they should be are so."""
        first, *others = self.cell.probe.metrics
        return self._is_narrow(first) and all(
            self._says_nothing_or_is_narrow(m) for m in others if m.within is not None
        )

    def _says_nothing_or_is_narrow(self, metric: Metric) -> bool:
        try:
            return not any(x.size for x in values(metric, self._taken)) or self._is_narrow(metric)
        except Unavailable:
            return True

    def _is_narrow(self, metric: Metric) -> bool:
        """False where no sample could be formed. Raises Unavailable where the metric says nothing of the cell."""
        found = known(metric, self._taken, self._processes, _FOR_A_LOOK, self._before_of(metric.name))
        if found is None:
            return False
        if metric.within is not None:
            return found.half_width <= metric.within
        return found.relative_width <= self.stopping.target

    def _code(self) -> Code:
        compiled = self.compiled
        if compiled is None or compiled.binary is None:
            return Code()
        problem = compiled.problems[0] if compiled.problems else None
        return Code(
            sha256=compiled.binary.sha256,
            opcodes=compiled.opcodes or None,
            sass_ok=compiled.sass_ok,
            problem=problem,
        )


def _origin(row: Row) -> tuple[str, str | None]:
    """What rows must have in common to be one: the GPU, or the machine where there is none, and the binary."""
    return row.device_uuid or row.host, row.kernel_sha256
