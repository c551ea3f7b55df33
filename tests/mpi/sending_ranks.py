"""Ranks that send datatypes by gridstone.datatypes.Send and Recv, and one that dies with its GPU."""

import os
import signal

import numpy as np

from gridstone import datatypes, probe, seconds

LAYOUTS = {
    "vector": lambda mpi: mpi.INT.Create_vector(4, 2, 5),
    "backwards": lambda mpi: mpi.INT.Create_hvector(3, 1, -16),
    "subarray": lambda mpi: mpi.INT16_T.Create_subarray([6, 5, 4], [2, 3, 2], [1, 1, 1], mpi.ORDER_FORTRAN),
    "bytes": lambda mpi: mpi.BYTE.Create_contiguous(40),
    "irregular": lambda mpi: mpi.INT.Create_indexed([1, 3, 2], [0, 4, 9]),
}
_ROOM, _ORIGIN, _GAP = 4096, 256, 0xEE


def _program(rank, *, layout, count, memory, sending, receiving):
    comm, mpi, place = rank.comm, rank.MPI, rank.memory(memory)
    datatype = LAYOUTS[layout](mpi).Commit()
    many = datatype.Create_contiguous(count).Commit()
    data = rank.pattern(_ROOM, 0)
    source, target = place.holding(data.copy()), place.array(_ROOM, _GAP)
    form = datatypes.canonical(datatype, count) if sending == "form" else datatype
    how = {"count": 1 if sending == "form" else count, "origin": _ORIGIN}
    ways = {way: {} if way in ("unsaid", "form") else {"method": way} for way in (sending, receiving)}

    def step():
        if rank.rank == 0:
            datatypes.Send(comm, form, source, 1, 7, **how, **ways[sending])
        else:
            datatypes.Recv(comm, form, target, 0, 7, **how, **ways[receiving])

    def verify():
        wanted = np.full(_ROOM, _GAP, dtype=np.uint8)
        ends = [mpi.buffer.fromaddress(a.ctypes.data + _ORIGIN, _ROOM - _ORIGIN) for a in (data, wanted)]
        mpi.COMM_SELF.Sendrecv([ends[0], 1, many], 0, 0, [ends[1], 1, many], 0, 0)
        return np.array_equal(place.read(target), wanted)

    return rank.Program(
        step=step,
        aligned=False,
        poison=lambda: place.fill(target, _GAP),
        verify=verify if rank.rank else None,
    )


@probe(
    None,
    runner="on_mpi",
    library=["mpich", "openmpi"],
    memory=["host", "device"],
    layout=list(LAYOUTS),
    count=[1, 3],
    sending=["unsaid", "one_shot", "device", "staged", "mpi", "form"],
    receiving=["unsaid", "one_shot", "device", "staged", "mpi", "form"],
    measures=seconds(),
)
def sent(mpi, *, library, **axes):
    """Rank 0 sends elements of a datatype, rank 1 receives them."""
    gpu = {"host": None, "device": "aware"}[axes["memory"]]
    return mpi.work(_program, library=library, tier="gpu", gpu=gpu, ranks=2, axes=axes, work=1)


def _dying(rank):
    def step():
        if rank.rank:
            os.kill(os.getpid(), signal.SIGSEGV)
        rank.comm.Barrier()

    return rank.Program(step=step)


@probe(None, runner="on_mpi", library=["mpich", "openmpi"], measures=seconds())
def dying(mpi, *, library):
    """A rank with a GPU ends as MPI libraries end that do not know what device memory is."""
    return mpi.work(_dying, library=library, tier="gpu", gpu="aware", ranks=2, axes={}, work=1)
