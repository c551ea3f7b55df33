"""Children, one per runner, that measure cells for a parent which survives whatever happens to them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gridstone import content
from gridstone.declaration import Cell, Machine
from gridstone.measure import Code, failed
from gridstone.stats import Stopping
from gridstone.worker.job import Failure, Job, Outcome, Start

_START_S = 60.0


class Child:
    """One process and the connection to it. Its output goes to a log file."""

    def __init__(self, *, start: Start, log: Path) -> None:
        ours, theirs = socket.socketpair()
        environment = dict(os.environ)
        if start.machine.gpu is not None:
            environment |= {"CUDA_VISIBLE_DEVICES": start.machine.gpu.uuid, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        package = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH")]))
        log.parent.mkdir(parents=True, exist_ok=True)
        with theirs, log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gridstone.worker.child", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
            )
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self.fresh = True
        self.connection.send(start)

    def measure(self, job: Job, timeout_s: float) -> Outcome | tuple[str, str]:
        """The outcome, or (status, reason) where the child failed, died or did not answer in time."""
        allowed = timeout_s + (_START_S if self.fresh else 0.0)
        try:
            self.connection.send(job)
            if not self.connection.poll(allowed):
                self.kill()
                return "timeout", f"no answer within {allowed:.0f} s"
            answer = self.connection.recv()
        except (EOFError, OSError):
            return "crashed", self._epitaph()
        self.fresh = False
        if isinstance(answer, Failure):
            self.kill()
            return answer.status, answer.reason
        assert isinstance(answer, Outcome)
        return answer

    def kill(self) -> None:
        """End the process at once; the driver cleans up behind it."""
        self.process.kill()
        self.process.wait()
        self.connection.close()

    def _epitaph(self) -> str:
        self.connection.close()
        code = self.process.wait()
        if code < 0:
            return f"the measuring process was killed by {signal.Signals(-code).name}"
        return f"the measuring process ended with exit code {code}"


class Crew:
    """Measures cells in child processes: `with Crew(machine=m, log_dir=d) as crew: crew.measure(cell, stopping)`."""

    def __init__(self, *, machine: Machine, log_dir: Path, timeout_s: float = 60.0, run_id: str = "") -> None:
        self.machine, self.log_dir, self.timeout_s, self.run_id = machine, log_dir, timeout_s, run_id
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.kill()
        self._children.clear()

    def pids(self) -> set[int]:
        """Process ids of the living children."""
        return {child.process.pid for child in self._children.values()}

    def measure(
        self, cell: Cell, stopping: Stopping, *, cubin: bytes | None = None, code: Code | None = None
    ) -> Outcome:
        """Rows of one cell. A cell that raises, hangs or kills its process gives `crashed` or `timeout` rows."""
        code = code or Code()
        if cell.probe.budget_s is not None:
            stopping = replace(stopping, budget_s=max(stopping.budget_s, cell.probe.budget_s))
        job = Job(
            file=cell.probe.file,
            probe=cell.probe.name,
            axes=dict(cell.axes),
            cell_id=cell.cell_id,
            cubin=cubin,
            code=code,
            stopping=stopping,
            run_id=self.run_id,
        )
        start = time.perf_counter()
        answer = self._child(cell).measure(job, self.timeout_s)
        wall = time.perf_counter() - start
        if isinstance(answer, Outcome):
            overhead = wall - answer.sampling_s
            return replace(answer, rows=tuple(replace(r, wall_s=wall, overhead_s=overhead) for r in answer.rows))
        del self._children[cell.probe.runner]
        status, reason = answer
        found = failed(cell, status, reason, self.machine, self.run_id, code)
        return Outcome(rows=tuple(replace(r, wall_s=wall) for r in found))

    def _child(self, cell: Cell) -> Child:
        runner = cell.probe.runner
        if runner not in self._children:
            file = content.folder("runners") / f"{runner}.py"
            start = Start(machine=self.machine, runner=file, on_gpu=cell.probe.on_gpu)
            self._children[runner] = Child(start=start, log=self.log_dir / f"{runner}.log")
        return self._children[runner]
