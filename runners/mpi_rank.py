"""One MPI rank: `python mpi_rank.py HOST PORT`. It calls the runner that started it and does what it is told.

Words go over a socket, one JSON object per line. A rank without work waits there and not in MPI, where it would
spin; and where the socket closes, however the other side ended, it ends too, whatever it is doing.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.ranks.segments import unlink_shared_memory

_here = Path(__file__)
_memory, _offsets, _together, _wires = (
    content.load_module(_here.with_name(f"{name}.py")) for name in ("mpi_memory", "offsets", "together", "wire")
)
PLACEMENT = "GRIDSTONE_RANK_GPU"  # one GPU for all ranks of a host, or each rank its own; empty where they need none
_PERIOD = 65_521  # bytes of a pattern; prime, so that a part in another's place shows
_MIXED = np.uint32(2654435761)


def revision() -> str:
    """What both ends of the wire must agree on."""
    found: str = _wires.revision(*_files())
    return found


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a rank does in one cell.

    step: one operation; what it returns, a mapping of names to numbers, is what the cell observed. aligned: each
    operation is timed by itself, and a barrier goes before it, or between hosts a moment is agreed on at which it
    begins (together.py); else one barrier goes before all operations of a sample, which are timed together. before:
    work of this rank alone between the barrier and each operation, which is not timed, but decides how late the rank
    is. poison, verify: as in `gridstone.clock.Work`, on this rank.
    operations: how many one step does.
    """

    step: Callable[[], Any]
    aligned: bool = True
    before: Callable[[], Any] | None = None
    poison: Callable[[], None] | None = None
    verify: Callable[[], bool | None] | None = None
    operations: int = 1


class Rank:
    """One of the `size` ranks that take part in a cell, as its program sees it. `comm` holds these and no others."""

    def __init__(self, mpi: Any, comm: Any, gpu: Any = None) -> None:
        self.MPI, self.comm = mpi, comm
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.Program = Program
        self.host, self.gpu = _memory.HostMemory(), gpu

    def memory(self, kind: str) -> Any:
        """Where messages are kept: `host` or `device` (mpi_memory.py)."""
        return self.gpu if kind == "device" else self.host

    def array(self, size: int, fill: int = 0) -> Any:
        """`size` bytes (uint8) of host memory with every page in place."""
        return self.host.array(size, fill)

    def pattern(self, size: int, of: int) -> Any:
        """`size` bytes that only rank `of` sends, the same on whichever rank they are computed."""
        words = (np.arange(-(-min(size, _PERIOD) // 4), dtype=np.uint32) + np.uint32(977 * (of + 1))) * _MIXED
        return np.resize(words.view(np.uint8)[: min(size, _PERIOD)], size)


class Server:
    """Serves the runner: sets a program up, times it, checks it."""

    def __init__(self, mpi: Any, gpu: Any) -> None:
        self._mpi, self._world, self._gpu = mpi, mpi.COMM_WORLD, gpu
        self._group = self._world.Get_group()
        self._comms: dict[tuple[int, ...], Any] = {}
        self._moments: dict[tuple[int, ...], Any] = {}
        self._rank: Rank | None = None
        self._program: Program | None = None
        self._before: Any = None
        self._moment: Any = None
        size = self._world.Get_size()
        self._world.Alltoall(np.zeros(size), np.zeros(size))  # all have met, and mapped one another's shared memory
        unlink_shared_memory()

    def prepare(
        self, *, file: str, function: str, members: list[int], axes: dict[str, Any], apart: bool, clocks: bool
    ) -> None:
        """Load the program `function` of a Python file and set it up for these ranks of all.

        apart: they are on several hosts, which have clocks of their own where `clocks`.
        """
        chosen = tuple(members)
        if chosen not in self._comms:
            self._comms[chosen] = self._world.Create_group(self._group.Incl(members))
        self._rank = Rank(self._mpi, self._comms[chosen], self._gpu)
        self._before = _offset(self._rank) if clocks else None
        self._moment = self._agreed(chosen) if apart else None
        self._program = getattr(content.load_module(Path(file)), function)(self._rank, **axes)

    def take(self, *, count: int, repeats: int) -> dict[str, Any]:
        """`count` samples of `repeats` operations each: when this rank began and ended each of them, in seconds
        of the first rank's clock; or what the program observed."""
        assert self._program is not None and self._rank is not None
        program, barrier, now = self._program, self._rank.comm.Barrier, time.perf_counter
        begin = self._moment or barrier
        step, aligned, before = program.step, program.aligned, program.before
        entered, left, seen = [], [], []
        gc.disable()
        for _ in range(count):
            if aligned:
                for _ in range(repeats):
                    begin()
                    if before:
                        before()
                    start = now()
                    step()
                    end = now()
                    entered.append(start)
                    left.append(end)
                continue
            barrier()
            start = now()
            for _ in range(repeats):
                result = step()
            end = now()
            entered.append(start)
            left.append(end)
            seen.append(result)
        gc.enable()
        if self._before is not None:
            after = _offset(self._rank)
            entered, left = (_offsets.here(times, self._before, after).tolist() for times in (entered, left))
            self._before = after
            if self._moment is not None:
                self._moment.ahead = after.ahead
        per_step = (1 if aligned else repeats) * program.operations
        observed = [one for one in seen if isinstance(one, dict)]
        return {"enter": entered, "leave": left, "operations": per_step, "observed": observed}

    def _agreed(self, members: tuple[int, ...]) -> Any:
        """What brings these ranks to one moment; they practise it once."""
        new = members not in self._moments
        if new:
            self._moments[members] = _together.Together(self._mpi, self._comms[members])
        moment = self._moments[members]
        moment.ahead = self._before.ahead if self._before else 0.0
        if new:
            moment.practise()
        return moment

    def poison(self) -> None:
        """Overwrite what the next step is to write."""
        if self._program is not None and self._program.poison:
            self._program.poison()

    def verify(self) -> bool | None:
        """Whether the last step left on this rank what it had to."""
        found = self._program.verify() if self._program is not None and self._program.verify else None
        return None if found is None else bool(found)

    def forget(self) -> None:
        """The cell is done."""
        self._program = self._rank = None
        gc.collect()
        unlink_shared_memory()


def _offset(rank: Rank) -> Any:
    """By how much this rank's clock is ahead of the first rank's, which answers one after the other."""
    comm, word, now = rank.comm, np.zeros(1), time.perf_counter
    found = _offsets.Offset(at=now(), ahead=0.0)

    def first_ranks() -> float:
        comm.Send(word, 0)
        comm.Recv(word, 0)
        return float(word[0])

    for other in range(1, rank.size):
        if rank.rank == 0:
            for _ in range(_offsets.ROUNDS):
                comm.Recv(word, other)
                word[0] = now()
                comm.Send(word, other)
        elif rank.rank == other:
            there = _offsets.seen(first_ranks)
            found = _offsets.Offset(at=there.at - there.ahead, ahead=-there.ahead)
        comm.Barrier()
    return found


def _files() -> tuple[str, ...]:
    return tuple(str(one) for one in (_here, _memory.__file__, _offsets.__file__, _together.__file__))


def main(host: str, port: int) -> None:
    """Call the runner, say who this is, then do what it asks until it hangs up."""
    wire = _wires.called(host, port)
    hello, placement = _wires.identity(*_files()), os.environ.get(PLACEMENT)
    try:
        gpu = _memory.DeviceMemory(placement) if placement else None  # MPI asks for the context when it starts
        from mpi4py import MPI
    except BaseException as error:  # the others may wait for this rank, and mpiexec with them
        wire.say(hello | _wires.fault(error))
        sys.exit(1)
    world = MPI.COMM_WORLD
    mine = {
        "rank": world.Get_rank(),
        "size": world.Get_size(),
        "library": MPI.Get_library_version().replace("\x00", "").split("\n")[0],
        "gpu": gpu.name if gpu else None,
    }
    server = Server(MPI, gpu)  # has taken the names off the shared memory when the runner goes on
    wire.say(hello | mine)
    gc.collect()
    gc.freeze()  # what is loaded stays: at the end of a cell only what it leaves need be looked through
    _wires.serve(wire, server, leaving=unlink_shared_memory)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
