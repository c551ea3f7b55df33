"""Programs for ranks that go wrong, each in its own way."""

import os
import signal
import time

from gridstone import probe, seconds
from gridstone.declaration import Unavailable

FAULTS = ["none", "raises", "exits", "killed", "hangs", "unavailable", "wrong"]


def _program(rank, *, fault):
    def step():
        if fault in FAULTS[1:6] and rank.rank == 1:
            _go_wrong(fault)
        rank.comm.Barrier()

    return rank.Program(step=step, verify=lambda: fault != "wrong" or rank.rank != 1)


def _go_wrong(fault):
    if fault == "raises":
        raise ZeroDivisionError("one of them divides by nothing")
    if fault == "exits":
        os._exit(7)
    if fault == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if fault == "unavailable":
        raise Unavailable("this rank has no such thing")
    time.sleep(600)


@probe(None, runner="on_mpi", library=["mpich", "openmpi"], ranks=[2, 4], fault=FAULTS, measures=seconds())
def faulty(mpi, *, library, ranks, fault):
    """A barrier that one of the ranks may not reach."""
    return mpi.work(_program, library=library, ranks=ranks, axes={"fault": fault}, work=1)
