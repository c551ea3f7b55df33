"""A halo that lies in the memory of a GPU: kernels pack and unpack all directions, MPI or a copy moves the bytes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.datatypes.strided import Strided

_strided = content.load_module(Path(__file__).with_name("mpi_strided.py"))


def exchange(
    rank: Any,
    *,
    forms: Sequence[tuple[Strided, Strided]],
    peers: Sequence[int],
    fresh: Any,
    expected: Any,
    method: str,
) -> Any:
    """The program of a rank that exchanges its halo in all directions.

    forms: of each direction, what is sent and what is received, in an order in which the opposite direction comes as
    far from the end. peers: the rank in each direction. fresh: the field without its halo; expected: with it. What goes
    to the rank itself, around the periodic box, is unpacked where it was packed: MPI is not asked.
    """
    comm, gpu, mpi, now = rank.comm, rank.gpu, rank.MPI, time.perf_counter
    field, last = gpu.holding(fresh), len(forms) - 1
    clean = gpu.holding(fresh)
    out = [_strided.leg(gpu, form, field, "pack", method) for form, _ in forms]
    into = []
    for tag, (_, form) in enumerate(forms):
        if peers[tag] == rank.rank:
            into.append(_strided.from_packed(gpu, form, field, out[last - tag]))
        else:
            into.append(_strided.leg(gpu, form, field, "unpack", method))
    away = [tag for tag, peer in enumerate(peers) if peer != rank.rank]
    outward, inward = [out[tag] for tag in away], [into[tag] for tag in away]
    renew = gpu.copier(field, clean)

    def step() -> dict[str, float]:
        packing = _strided.timed(gpu, [one.move for one in out])
        copying = _strided.timed(gpu, _strided.copies(outward)) if method == "staged" else 0.0
        start = now()
        waiting = [comm.Irecv([into[tag].wire, mpi.BYTE], peers[tag], last - tag) for tag in away]
        waiting += [comm.Isend([out[tag].wire, mpi.BYTE], peers[tag], tag) for tag in away]
        mpi.Request.Waitall(waiting)
        moving = now() - start
        copying += _strided.timed(gpu, _strided.copies(inward)) if method == "staged" else 0.0
        unpacking = _strided.timed(gpu, [one.move for one in into])
        phases = {"time_pack": packing, "time_exchange": moving, "time_unpack": unpacking}
        return {**phases, "time_copy": copying} if method == "staged" else phases

    def poison() -> None:
        _strided.empty(gpu, inward)
        renew()
        gpu.stream.synchronize()

    return rank.Program(
        step=step,
        aligned=False,
        poison=poison,
        verify=lambda: bool(np.array_equal(gpu.read(field), expected)),
    )
