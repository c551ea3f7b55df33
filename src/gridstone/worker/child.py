"""The process that measures: `python -m gridstone.worker.child FD`. It dies with its parent."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import os
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from typing import Any

from gridstone import content
from gridstone.declaration import Cell, Machine, Probe, Unavailable
from gridstone.device import Telemetry
from gridstone.measure import Watch, rows, take
from gridstone.worker.job import Failure, Job, Outcome, Start

_PR_SET_PDEATHSIG = 1


def main(descriptor: int) -> None:
    """Serve jobs from the connection until it closes or a cell fails."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    connection: Connection[Any, Any] = Connection(descriptor)
    with contextlib.suppress(EOFError, BrokenPipeError):
        start: Start = connection.recv()
        try:
            with contextlib.ExitStack() as stack:
                runner = content.load_module(start.runner)
                context = stack.enter_context(runner.context(start.machine))
                watch = _watch(start)
                while True:
                    connection.send(_measure(connection.recv(), context, watch, start.machine))
        except EOFError:
            raise
        except BaseException as error:
            traceback.print_exc()
            status = "skipped" if isinstance(error, Unavailable) else "crashed"
            connection.send(Failure(status=status, reason=_reason(error)))
    # A CUDA context in error may hang in its own clean-up: leave without it.
    sys.stderr.flush()
    os._exit(0)


def _measure(job: Job, context: Any, watch: Watch, machine: Machine) -> Outcome:
    probe = _probe(job)
    context.begin(job.cubin, probe.l2)
    work = probe.body(context, **job.axes)
    try:
        taken = take(work, probe.metrics[0], job.stopping, watch, job.axes)
    finally:
        if work.close:
            work.close()
        del work
        context.end()
    cell = Cell(probe=probe, axes=job.axes, cell_id=job.cell_id)
    found = rows(cell, taken, job.code, machine, job.run_id)
    seconds = taken.samples.seconds.tolist()
    return Outcome(rows=tuple(found), seconds=tuple(seconds), sampling_s=taken.sampling_s)


def _probe(job: Job) -> Probe:
    module = content.load_module(job.file)
    return next(p for p in vars(module).values() if isinstance(p, Probe) and p.name == job.probe)


def _watch(start: Start) -> Watch:
    if not start.on_gpu or start.machine.gpu is None:
        return lambda: None
    return Telemetry(start.machine.gpu.uuid).read


def _reason(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    main(int(sys.argv[1]))
