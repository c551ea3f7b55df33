"""The process of one GPU: `python nccl_rank.py HOST PORT DEVICE [PLACE]`. It calls its runner and does what it is told.

Where the socket closes, however the other side ended, it ends too, whatever it is doing. DEVICE is the file whose class
`Device` drives the GPU and NCCL: nccl_device.py, or what stands in for it on a machine without them.
"""

from __future__ import annotations

import base64
import contextlib
import gc
import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridstone import content

_wires = content.load_module(Path(__file__).with_name("wire.py"))
_PLACES = ("SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "MPI_LOCALRANKID", "PMI_LOCAL_RANK")


def revision() -> str:
    """What both ends of the wire must agree on."""
    found: str = _wires.revision(__file__)
    return found


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a rank does in one cell.

    step: enqueues one operation. operations: how many one step does. before: what the host does by itself before a step
    where each is timed, and decides how late this rank is. observe: instead of steps, runs the cell once and
    says what it saw. poison, verify: as in `gridstone.clock.Work`, on this rank.
    """

    step: Callable[[], object] | None = None
    operations: int = 1
    before: Callable[[], object] | None = None
    observe: Callable[[], Mapping[str, float]] | None = None
    poison: Callable[[], object] | None = None
    verify: Callable[[], bool | None] | None = None


class Rank:
    """One of the `size` ranks of a cell, as its program sees it: its device, and `comm` with these and no others."""

    def __init__(self, device: Any, comm: Any, rank: int, size: int) -> None:
        self.device, self.comm, self.rank, self.size = device, comm, rank, size
        self.Program = Program


class Server:
    """Serves the runner: joins communicators, sets a program up, times it, checks it."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._comms: dict[str, Any] = {}
        self._rank: Rank | None = None
        self._program: Program | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What the device says of itself."""
        return dict(self._device.identity)

    def now(self) -> float:
        """This process's clock in seconds."""
        return time.perf_counter()

    def unique_id(self) -> Any:
        """What the ranks of a new communicator find one another by."""
        return self._device.unique_id()

    def join(self, *, name: str, unique: Any, rank: int, size: int, settings: dict[str, str]) -> None:
        """Become rank `rank` of a communicator, which NCCL makes under these environment variables."""
        kept = {key: os.environ.get(key) for key in settings}
        os.environ.update(settings)
        try:
            self._comms[name] = self._device.join(unique, rank, size)
        finally:
            for key, value in kept.items():
                os.environ.pop(key) if value is None else os.environ.update({key: value})
        self._comms[name].align()
        self._device.synchronize()

    def part(self, *, name: str) -> None:
        """Leave a communicator, which all of its ranks do."""
        self._comms.pop(name).leave()

    def prepare(
        self, *, name: str, rank: int, size: int, file: str, function: str, axes: dict[str, Any], cubin: str | None
    ) -> None:
        """Load the program `function` of a Python file and set it up."""
        self._device.begin(None if cubin is None else base64.b64decode(cubin))
        self._rank = Rank(self._device, self._comms[name], rank, size)
        self._program = getattr(content.load_module(Path(file)), function)(self._rank, **axes)
        self._device.synchronize()

    def warm(self, *, repeats: int) -> float:
        """Seconds per operation of some that nothing holds back: kernels are loaded and peers connected here."""
        step, device = self._ready()
        self._comm.align()
        start = device.mark()
        for _ in range(repeats):
            step()
        end = device.mark()
        device.synchronize()
        return float(device.seconds(start, end)) / repeats

    def take(self, *, count: int, repeats: int, iterations: int) -> dict[str, Any]:
        """`count` samples of `repeats` steps in a row, queued before the first begins.

        seconds: of one step, per sample. iterations: seconds of single steps with a mark between them, as many per
        sample. enter, leave: when this rank's host began one more step and saw its end. sm_hz: the clock meanwhile.
        """
        step, device = self._ready()
        found: dict[str, list[float]] = {name: [] for name in ("seconds", "iterations", "enter", "leave", "sm_hz")}
        gc.disable()
        for _ in range(count):
            hertz = device.clock()
            (once,) = self._queued(step, 1, repeats)
            found["sm_hz"].append(float(hertz()))
            found["seconds"].append(once / repeats)
            found["iterations"] += self._queued(step, iterations, 1) if repeats > 1 else [once]
            self._comm.align()
            device.synchronize()
            found["enter"].append(time.perf_counter())
            step()
            device.synchronize()
            found["leave"].append(time.perf_counter())
        gc.enable()
        return {**found, "operations": self._program.operations if self._program else 1}

    def single(self, *, count: int) -> dict[str, Any]:
        """`count` steps one by one, each behind a collective: when this rank's host began it and saw its end."""
        step, device = self._ready()
        before = self._program.before if self._program else None
        entered, left = [], []
        gc.disable()
        for _ in range(count):
            self._comm.align()
            device.synchronize()
            if before:
                before()
            entered.append(time.perf_counter())
            step()
            device.synchronize()
            left.append(time.perf_counter())
        gc.enable()
        return {"enter": entered, "leave": left, "operations": self._program.operations if self._program else 1}

    def observe(self, *, count: int) -> list[dict[str, float]]:
        """What the program saw, `count` times."""
        assert self._program is not None and self._program.observe is not None
        return [dict(self._program.observe()) for _ in range(count)]

    def poison(self) -> None:
        """Overwrite what the next step is to write."""
        if self._program is not None and self._program.poison:
            self._program.poison()
            self._device.synchronize()

    def verify(self) -> bool | None:
        """Whether the last step left on this rank what it had to."""
        found = self._program.verify() if self._program is not None and self._program.verify else None
        return None if found is None else bool(found)

    def forget(self) -> None:
        """The cell is done."""
        self._program = self._rank = None
        self._device.end()
        gc.collect()

    def abort(self) -> None:
        """Free what waits inside NCCL, for this process is to end."""
        for comm in self._comms.values():
            comm.abort()

    @property
    def _comm(self) -> Any:
        assert self._rank is not None
        return self._rank.comm

    def _ready(self) -> tuple[Callable[[], object], Any]:
        assert self._program is not None and self._program.step is not None
        return self._program.step, self._device

    def _queued(self, step: Callable[[], object], marks: int, repeats: int) -> list[float]:
        """Seconds of `marks` stretches of `repeats` steps each, behind a collective that lets all ranks begin together.

        All of it is queued before anything runs, so that no host is in it; and as no rank leaves that collective
        before the last has come to it, all ranks have queued all of it by then.
        """
        device = self._device
        device.hold()
        try:
            self._comm.align()
            passed = [device.mark()]
            for _ in range(marks):
                for _ in range(repeats):
                    step()
                passed.append(device.mark())
        finally:
            device.go()
        device.synchronize()
        return [float(device.seconds(a, b)) for a, b in itertools.pairwise(passed)]


def _place(given: list[str]) -> int:
    if given:
        return int(given[0])
    return next((int(os.environ[name]) for name in _PLACES if os.environ.get(name, "").isdecimal()), 0)


def main(host: str, port: int, device: Path, place: int) -> None:
    """Call the runner, say who this is, then do what it asks until it hangs up."""
    wire = _wires.called(host, port)
    hello = _wires.identity(__file__) | {"place": place}
    try:
        server = Server(content.load_module(device).Device(place))
    except BaseException as error:
        wire.say(hello | _wires.fault(error))
        return
    wire.say(hello | server.identity)

    def abort() -> None:
        with contextlib.suppress(Exception):  # said is what went wrong first
            server.abort()

    _wires.serve(wire, server, failed=abort)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), _place(sys.argv[4:]))
