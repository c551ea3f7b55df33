"""Children that measure cells for a parent which survives whatever happens to them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gridstone import content
from gridstone.declaration import Cell, GpuUse, Machine
from gridstone.worker.job import Failure, Job, Open, Ready, Start, Visit

_START_S = 60.0  # importing the runner and opening the device, on a slow file system
_GRACE_S = 5.0
_TURN_S = 0.5
_GPU_PROCESSES = 3  # short copies and launches differ by a tenth from one CUDA context to the next


def nothing() -> None:
    """There is nothing to do meanwhile."""


class Child:
    """One process, in a group of its own, and the connection to it. Its output goes to a log file.

    gpu_use: what it has the memory of a GPU for, as far as is known. begun: whether it has been let open its runner.
    """

    def __init__(self, *, start: Start, log: Path) -> None:
        self.start = start
        self.gpu_use: GpuUse | None = None
        ours, theirs = socket.socketpair()
        environment = dict(os.environ)
        if start.on_gpu and start.gpus:  # ranks of MPI choose for themselves, and may be on other hosts
            environment |= {"CUDA_VISIBLE_DEVICES": ",".join(start.gpus), "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
        package = str(Path(__file__).resolve().parents[2])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [package, environment.get("PYTHONPATH")]))
        log.parent.mkdir(parents=True, exist_ok=True)
        with theirs, log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gridstone.worker.child", str(theirs.fileno()), str(os.getpid())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                process_group=0,
            )
        self.connection: Connection[Any, Any] = Connection(ours.detach())
        self._opened: Ready | Visit | Failure | None = None
        self.begun = self._paused = False
        self._tell(start)

    def begin(self) -> None:
        """Let it open its runner, and so take its share of the GPU's memory."""
        if not self.begun:
            self.begun = True
            self._tell(Open())

    def open(self) -> Failure | None:
        """Wait until the runner is open, which happens once and is nobody's measuring time; why it is not."""
        self.begin()
        if self._opened is None:
            self._opened = self._answer(_START_S)
        return self._opened if isinstance(self._opened, Failure) else None

    def visit(self, job: Job, timeout_s: float, meanwhile: Callable[[], None]) -> Visit | Failure:
        """What a visit gave, or why nothing came: the child failed, died or did not answer in time.

        An answer that is there before `meanwhile` is done took no longer for that: it is the time of other cells.
        """
        start = time.perf_counter()
        self._tell(job)
        told = time.perf_counter()
        meanwhile()
        beside = time.perf_counter() - told
        answer = self._answer(timeout_s)
        assert not isinstance(answer, Ready)
        waited = max(beside - answer.work_s, 0.0) if isinstance(answer, Visit) else 0.0
        return replace(answer, wall_s=time.perf_counter() - start - waited)

    def pause(self) -> None:
        """Stop the process where it stands: threads that spin while they wait for work would disturb others."""
        if not self._paused:
            self._signal(signal.SIGSTOP)
            self._paused = True

    def wake(self) -> None:
        """Let a paused process go on."""
        if self._paused:
            self._signal(signal.SIGCONT)
            self._paused = False

    def kill(self) -> None:
        """End the process and whatever it has started, at once; the driver cleans up behind it."""
        self._signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a driver that is stuck holds it for longer
            self.process.wait(_GRACE_S)
        self.connection.close()

    def _tell(self, message: Start | Open | Job) -> None:
        with contextlib.suppress(OSError):  # it has ended: the answer says why
            self.connection.send(message)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def _answer(self, allowed: float) -> Ready | Visit | Failure:
        try:
            if not self._answers_within(allowed):
                self.kill()
                return Failure(status="timeout", reason=f"no answer within {allowed:g} s")
            answer: Ready | Visit | Failure = self.connection.recv()
        except (EOFError, OSError):
            return Failure(status="crashed", reason=self._epitaph())
        if isinstance(answer, Failure):
            self.kill()
        return answer

    def _answers_within(self, allowed: float) -> bool:
        """Waits in short turns: a Ctrl-C that comes just before a wait begins is seen when that wait ends."""
        until = time.monotonic() + allowed
        while (left := until - time.monotonic()) > 0:
            if self.connection.poll(min(left, _TURN_S)):
                return True
        return False

    def _epitaph(self) -> str:
        """Why a process that hung up did so."""
        try:
            code = self.process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            return "the measuring process closed the connection to its parent"
        finally:
            self.kill()
        if code >= 0:
            return f"the measuring process ended with exit code {code}"
        hint = " (the system does so where memory runs out)" if -code == signal.SIGKILL else ""
        return f"the measuring process was killed by {_signal_name(-code)}{hint}"


class Crew:
    """Visits cells in child processes: `with Crew(machine=m, log_dir=d) as crew: crew.visit(cell, 5)`.

    There is one process per runner, or several for runners of one GPU, which take turns at the visits to a cell.
    Processes of one GPU, of ranks on GPUs and of all GPUs do not live at the same time: each has a share of the memory.
    """

    def __init__(self, *, machine: Machine, log_dir: Path, timeout_s: float = 60.0) -> None:
        self.machine, self.log_dir, self.timeout_s = machine, log_dir, timeout_s
        self._children: dict[tuple[str, int], Child] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for child in self._children.values():
            child.kill()
        self._children.clear()

    def visit(
        self,
        cell: Cell,
        samples: int,
        cubin: bytes | None = None,
        turn: int = 0,
        meanwhile: Callable[[], None] = nothing,
    ) -> Visit | Failure:
        """Set a cell up and take samples of it. A cell that raises, hangs or kills its process is a Failure.

        turn: how many visits the cell has had; decides which process makes this one. meanwhile: what this process does
        beside a visit to a GPU; before one that asks for cores of the host, as it would take one: to hosts, to a GPU
        and threads beside it, or to anything where one core is all there is.
        """
        asks_for_cores = cell.gpu_use != "one" or any(need.name == "cores" for need in cell.probe.needs)
        if asks_for_cores or self.machine.cores < 2:
            meanwhile()
            meanwhile = nothing
        job = Job(file=cell.probe.file, probe=cell.probe.name, axes=dict(cell.axes), cubin=cubin, samples=samples)
        team = self.open(cell)
        key = team[turn % len(team)]
        child = self._children[key]
        unopened = child.open()
        for other in self._children.values():
            if other is not child and other.begun:
                other.open()
                other.pause()
        child.wake()
        answer = unopened or child.visit(job, self.timeout_s, meanwhile)
        if isinstance(answer, Failure):
            del self._children[key]
        return answer

    def open(self, cell: Cell) -> list[tuple[str, int]]:
        """Let the processes that visit a cell open their runner, all at the same time; which they are."""
        if cell.gpu_use is not None:
            self._make_room(cell.gpu_use)
        team = self.prepare(cell)
        for one in team:
            self._children[one].gpu_use = cell.gpu_use or self._children[one].gpu_use
            self._children[one].begin()
        return team

    def prepare(self, cell: Cell) -> list[tuple[str, int]]:
        """Start the processes that visit a cell, where there are none; which they are.

        They load what they run, and take no memory of the GPU before they are opened.
        """
        probe = cell.probe
        team = [(probe.runner, n) for n in range(_GPU_PROCESSES if probe.on_gpu and not probe.on_all_gpus else 1)]
        for key in team:
            known = self._children.get(key)
            if known is not None and not known.begun and known.process.poll() is not None:  # it waited, and was ended
                known.kill()
                known = None
            if known is None:
                self._start(cell, key)
        return team

    def _make_room(self, use: GpuUse) -> None:
        """End the processes that hold memory of the GPU for another use."""
        for key, child in list(self._children.items()):
            if child.gpu_use not in (None, use):
                child.kill()
                del self._children[key]

    def _start(self, cell: Cell, key: tuple[str, int]) -> None:
        runner, number = key
        file = content.folder("runners") / f"{runner}.py"
        start = Start(machine=self.machine, runner=file, on_gpu=cell.probe.on_gpu, all_gpus=cell.probe.on_all_gpus)
        name = f"{runner}-{number}" if cell.probe.on_gpu else runner
        self._children[key] = child = Child(start=start, log=self.log_dir / f"{name}.log")
        child.gpu_use = cell.gpu_use


def _signal_name(number: int) -> str:
    """`SIGSEGV`; most real-time signals have no name."""
    names: dict[int, str] = {known.value: known.name for known in signal.Signals}
    return names.get(number, f"signal {number}")
