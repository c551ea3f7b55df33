"""The process that measures: `python -m gridstone.worker.child FD PARENT`. It dies with its parent."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from gridstone import content
from gridstone.clock import Work
from gridstone.declaration import Probe, Unavailable
from gridstone.device import Telemetry
from gridstone.measure import Watch, take, values
from gridstone.worker.job import Failure, Job, Open, Ready, Start, Visit

_PR_SET_PDEATHSIG = 1
_LONGEST_REASON = 400


def main(descriptor: int, parent: int) -> None:
    """Serve jobs from the connection until it closes or a cell fails."""
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.enable()
    with contextlib.suppress(EOFError, OSError):  # the parent is gone
        _serve(Connection(descriptor))
    # A CUDA context in error may hang in its own clean-up: leave without it.
    os._exit(0)


def _die_with(parent: int) -> None:
    """Be killed when the parent ends, however it does, and before it when memory runs out."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before this process could ask
        os._exit(0)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _serve(connection: Connection[Any, Any]) -> None:
    start: Start = connection.recv()
    try:
        runner = content.load_module(start.runner)
        if not _may_open(connection):
            return
        with runner.context(start.machine) as context:
            watch = _watch(start)
            gc.disable()  # a collection would be timed with whatever it falls into
            connection.send(Ready())
            for job in _jobs(connection):
                gc.freeze()  # what is loaded stays: only what the visit leaves need be looked through
                connection.send(_visit(job, context, watch))
                gc.collect()
    except BaseException as error:
        with contextlib.suppress(OSError):  # the log may be on a full disk
            traceback.print_exc()
            sys.stderr.flush()
        status = "skipped" if isinstance(error, Unavailable) else "crashed"
        connection.send(Failure(status=status, reason=_reason(error)))


def _may_open(connection: Connection[Any, Any]) -> bool:
    """Wait for the word to open the runner; False where it does not come, as the parent has no use for this process."""
    with contextlib.suppress(EOFError):
        return isinstance(connection.recv(), Open)
    return False


def _jobs(connection: Connection[Any, Any]) -> Iterator[Job]:
    with contextlib.suppress(EOFError):
        while True:
            yield connection.recv()


def _visit(job: Job, context: Any, watch: Watch) -> Visit:
    probe = _probe(job)
    context.begin(job.cubin, probe.l2)
    start = time.perf_counter()
    work = probe.body(context, **job.axes)
    if not isinstance(work, Work):
        raise TypeError(f"{probe.name} returned a {type(work).__name__} and no work to time")
    try:
        taken = take(work, job.samples, watch, job.axes)
    finally:
        if work.close:
            work.close()
        del work
        work_s = time.perf_counter() - start
        context.end()
    for metric in probe.metrics:  # what is wrong with a metric is wrong with this cell, and shows here
        with contextlib.suppress(Unavailable):
            values(metric, [taken])
    return Visit(taken=taken, work_s=work_s, process=os.getpid())


def _probe(job: Job) -> Probe:
    module = content.load_module(job.file)
    return next(p for p in vars(module).values() if isinstance(p, Probe) and p.name == job.probe)


def _watch(start: Start) -> Watch:
    if not start.on_gpu or start.machine.gpu is None:
        return lambda *, energy=False: None
    return Telemetry(start.machine.gpu.uuid).read


def _reason(error: BaseException) -> str:
    text = str(error).strip().split("\n")[0][:_LONGEST_REASON]
    if text and isinstance(error, Unavailable):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
