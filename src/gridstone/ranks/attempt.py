"""Two ranks try one thing with the memory of a GPU: `python -m gridstone.ranks.attempt ABILITY PLACEMENT`.

Or they try to be two ranks of an MPI library: `python -m gridstone.ranks.attempt start LIBRARY`.

What is tried may end the process: nobody but mpiexec is to wait for it. Prints DONE where the result is right.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

DONE = "gridstone: what two ranks tried went well"
START = "start"
LONGEST_S = 30
_SIZE = 1 << 16
_LOCAL_RANKS = ("MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID")


def local_rank() -> int:
    """This rank's number among those of its host, as whoever started it says, before MPI does."""
    return next((int(os.environ[name]) for name in _LOCAL_RANKS if os.environ.get(name, "").isdecimal()), 0)


def use_gpu(cp: Any, placement: str) -> int:
    """Take the GPU of this rank: the first one (`one`), or as many round as there are ranks on the host (`each`)."""
    number = 0 if placement == "one" else local_rank() % int(cp.cuda.runtime.getDeviceCount())
    cp.cuda.Device(number).use()
    return number


def main(ability: str, placement: str) -> None:
    """Try it; whoever hangs is ended by an alarm. placement: of a start, the library that is to be loaded."""
    signal.alarm(LONGEST_S)
    if ability == START:
        _start(placement)
        return
    import cupy as cp
    import numpy as np

    use_gpu(cp, placement)
    mine = cp.asarray(np.full(_SIZE, 7, dtype=np.uint8))  # a context before MPI is there
    from mpi4py import MPI

    from gridstone.ranks.segments import unlink_shared_memory

    comm = MPI.COMM_WORLD
    comm.Barrier()
    unlink_shared_memory()
    right = _TRIED[ability](MPI, comm, cp, mine)
    if not all(comm.allgather(bool(right))):
        sys.exit(f"Error: rank {comm.Get_rank()}: what arrived is not what was sent")
    if comm.Get_rank() == 0:
        print(DONE, flush=True)


def _start(library: str) -> None:
    import mpi4py

    mpi4py.rc.initialize = False  # a library under the other one's mpiexec may not come back from it
    from mpi4py import MPI

    found = MPI.Get_library_version().replace("\x00", "").split("\n")[0]
    if ("Open MPI" in found) != (library == "openmpi"):
        sys.exit(f"Error: mpi4py loads {found} (set MPI4PY_LIBMPI or reinstall it)")
    MPI.Init()
    size = MPI.COMM_WORLD.Get_size()
    if size != 2:
        sys.exit(f"Error: each is one of {size}: this mpiexec does not belong to {found}")
    MPI.COMM_WORLD.Barrier()
    if MPI.COMM_WORLD.Get_rank() == 0:
        print(DONE, flush=True)
    MPI.Finalize()


def _messages(mpi: Any, comm: Any, cp: Any, mine: Any) -> bool:
    return _exchanged(comm, cp, [mine, mpi.BYTE])


def _exchanged(comm: Any, cp: Any, sent: list[Any]) -> bool:
    peer, into = 1 - comm.Get_rank(), cp.zeros(_SIZE, dtype=cp.uint8)
    cp.cuda.Device().synchronize()
    message = [into, *sent[1:]]
    if comm.Get_rank() == 0:
        comm.Send(sent, peer)
        comm.Recv(message, peer)
    else:
        comm.Recv(message, peer)
        comm.Send(sent, peer)
    cp.cuda.Device().synchronize()
    return bool(into[:1].get()[0] == 7)


def _datatypes(mpi: Any, comm: Any, cp: Any, mine: Any) -> bool:
    vector = mpi.BYTE.Create_vector(_SIZE // 64, 8, 64).Commit()
    return _exchanged(comm, cp, [mine, 1, vector])


def _collectives(mpi: Any, comm: Any, cp: Any, mine: Any) -> bool:
    import numpy as np

    one, total = cp.asarray(np.full(_SIZE, 2, dtype=np.int32)), cp.zeros(_SIZE, dtype=np.int32)
    cp.cuda.Device().synchronize()
    comm.Allreduce([one, mpi.INT], [total, mpi.INT])
    cp.cuda.Device().synchronize()
    return bool(total[-1:].get()[0] == 2 * comm.Get_size())


def _pack(mpi: Any, comm: Any, cp: Any, mine: Any) -> bool:
    vector = mpi.BYTE.Create_vector(_SIZE // 64, 8, 64).Commit()
    packed = cp.zeros(vector.Get_size(), dtype=cp.uint8)
    cp.cuda.Device().synchronize()
    vector.Pack(mine, packed, 0, comm)
    cp.cuda.Device().synchronize()
    return bool(packed[-1:].get()[0] == 7)


_TRIED = {"messages": _messages, "datatypes": _datatypes, "collectives": _collectives, "pack": _pack}

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
