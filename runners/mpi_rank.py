"""One MPI rank: `python mpi_rank.py HOST PORT`. It calls the runner that started it and does what it is told.

Words go over a socket, one JSON object per line. A rank without work waits there and not in MPI, where it would
spin; and where the socket closes, however the other side ended, it ends too, whatever it is doing.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import hashlib
import json
import os
import queue
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import gridstone
from gridstone import content
from gridstone.declaration import Unavailable
from gridstone.ranks.segments import unlink_shared_memory

_memory = content.load_module(Path(__file__).with_name("mpi_memory.py"))
TOKEN = "GRIDSTONE_RANK_TOKEN"
_PR_SET_PDEATHSIG = 1
PLACEMENT = "GRIDSTONE_RANK_GPU"  # one GPU for all ranks of a host, or each rank its own; empty where they need none
_CLOCK_ROUNDS = 20


def revision() -> str:
    """What both ends of the socket must agree on: the version, and the text of this file and its neighbour."""
    text = b"".join(Path(file).read_bytes() for file in (__file__, str(_memory.__file__)))
    return f"{gridstone.__version__}-{hashlib.sha256(text).hexdigest()[:12]}"


@dataclass(frozen=True, kw_only=True)
class Program:
    """What a rank does in one cell.

    step: one operation; what it returns, a mapping of names to numbers, is what the cell observed. aligned: a
    barrier goes before each operation, and each is timed by itself; else one barrier goes before all operations of
    a sample, which are timed together. before: work of this rank alone between that barrier and each operation, which
    is not timed, but decides how late the rank is. poison, verify: as in `gridstone.clock.Work`, on this rank.
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
        words = (np.arange(-(-size // 4), dtype=np.uint32) + np.uint32(977 * (of + 1))) * np.uint32(2654435761)
        return words.view(np.uint8)[:size]


class Server:
    """Serves the runner: sets a program up, times it, checks it."""

    def __init__(self, mpi: Any, gpu: Any) -> None:
        self._mpi, self._world, self._gpu = mpi, mpi.COMM_WORLD, gpu
        self._group = self._world.Get_group()
        self._comms: dict[tuple[int, ...], Any] = {}
        self._rank: Rank | None = None
        self._program: Program | None = None
        self._skew = 0.0
        size = self._world.Get_size()
        self._world.Alltoall(np.zeros(size), np.zeros(size))  # all have met, and mapped one another's shared memory
        unlink_shared_memory()

    def prepare(self, *, file: str, function: str, members: list[int], axes: dict[str, Any], clocks: bool) -> None:
        """Load the program `function` of a Python file and set it up for these ranks of all."""
        chosen = tuple(members)
        if chosen not in self._comms:
            self._comms[chosen] = self._world.Create_group(self._group.Incl(members))
        self._rank = Rank(self._mpi, self._comms[chosen], self._gpu)
        self._skew = _skew(self._rank) if clocks else 0.0
        self._program = getattr(content.load_module(Path(file)), function)(self._rank, **axes)

    def take(self, *, count: int, repeats: int) -> dict[str, Any]:
        """`count` samples of `repeats` operations each: when this rank began and ended each of them, in seconds
        of the first rank's clock; or what the program observed."""
        assert self._program is not None and self._rank is not None
        program, barrier, now = self._program, self._rank.comm.Barrier, time.perf_counter
        step, aligned, before = program.step, program.aligned, program.before
        entered, left, seen = [], [], []
        gc.disable()
        for _ in range(count):
            if aligned:
                for _ in range(repeats):
                    barrier()
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
        per_step = (1 if aligned else repeats) * program.operations
        observed = [one for one in seen if isinstance(one, dict)]
        return {
            "enter": [t - self._skew for t in entered],
            "leave": [t - self._skew for t in left],
            "operations": per_step,
            "observed": observed,
        }

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


def _skew(rank: Rank) -> float:
    """Seconds that this rank's clock is ahead of the first rank's, by the fastest of some round trips (Cristian)."""
    comm, now = rank.comm, time.perf_counter
    mine = 0.0
    word = np.zeros(1)
    for other in range(1, rank.size):
        if rank.rank == 0:
            for _ in range(_CLOCK_ROUNDS):
                comm.Recv(word, other)
                word[0] = now()
                comm.Send(word, other)
        elif rank.rank == other:
            best = np.inf
            for _ in range(_CLOCK_ROUNDS):
                sent = now()
                comm.Send(word, 0)
                comm.Recv(word, 0)
                back = now()
                if back - sent < best:
                    best, mine = back - sent, (sent + back) / 2 - float(word[0])
        comm.Barrier()
    return mine


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _listen(lines: Any, waiting: queue.SimpleQueue[dict[str, Any]]) -> None:
    try:
        for line in lines:
            waiting.put(json.loads(line))
    finally:
        with contextlib.suppress(OSError):
            unlink_shared_memory()
        os._exit(1)  # the runner is gone; MPI may never let the main thread go


def main(host: str, port: int) -> None:
    """Call the runner, say who this is, then do what it asks until it hangs up."""
    _die_with_parent()
    wire = socket.create_connection((host, port), timeout=30)
    wire.settimeout(None)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def say(**words: Any) -> None:
        wire.sendall(json.dumps(words).encode() + b"\n")

    placement = os.environ.get(PLACEMENT)
    gpu = _memory.opened(placement) if placement else None  # MPI asks for the context when it starts
    from mpi4py import MPI

    world = MPI.COMM_WORLD
    say(
        token=os.environ.get(TOKEN, ""),
        rank=world.Get_rank(),
        size=world.Get_size(),
        revision=revision(),
        library=MPI.Get_library_version().replace("\x00", "").split("\n")[0],
        host=os.environ.get("SLURMD_NODENAME") or os.uname().nodename,
        boot=_boot(),
        gpu=gpu.name if gpu else None,
        pid=os.getpid(),
    )
    waiting: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(wire.makefile("rb"), waiting), daemon=True).start()
    server = Server(MPI, gpu)
    while True:
        words = waiting.get()
        try:
            answer = getattr(server, words.pop("do"))(**words)
            say(answer=answer)
        except BaseException as error:
            traceback.print_exc()
            sys.stderr.flush()
            text = str(error).strip().split("\n")[0]
            say(error=f"{type(error).__name__}: {text}", unavailable=text if isinstance(error, Unavailable) else None)


def _boot() -> str:
    """Differs between machines, whose clocks differ, and not between containers on one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.uname().nodename


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
