"""What ranks do in a cell of the library's own collectives; these run on the ranks (mpi_rank.py).

Small whole numbers go in, so that sums in float32 are exact whatever the order of the additions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content

_own = content.load_module(Path(__file__).with_name("own_work.py"))
_PERIOD = 1021


def numbers(first: int, count: int, scale: int) -> Any:
    """float32 numbers that a rank contributes, from the place `first` on: `scale` times those of rank 0."""
    period = (np.arange(first, first + min(count, _PERIOD)) % _PERIOD + 1) * scale
    return np.resize(period.astype(np.float32), count)


def native(rank: Any, *, collective: str, bytes: int, memory: str = "host") -> Any:
    """A collective of the library over `bytes`, the larger of what a rank gives and gets."""
    comm, size, me = rank.comm, rank.size, rank.rank
    place = rank.memory(memory)
    count = bytes // 4
    part = count // size
    all_ranks = size * (size + 1) // 2
    floats = rank.MPI.FLOAT
    call: Callable[[], object]
    expected: Callable[[], Any] | None
    mine = place.holding(numbers(0, count, me + 1))
    into = place.array(bytes).view(np.float32)
    if collective == "allreduce":
        call, expected = lambda: comm.Allreduce([mine, floats], [into, floats]), lambda: numbers(0, count, all_ranks)
    elif collective == "reduce":
        call = lambda: comm.Reduce([mine, floats], [into, floats] if me == 0 else None, root=0)  # noqa: E731
        expected = (lambda: numbers(0, count, all_ranks)) if me == 0 else None
    elif collective == "broadcast":
        buffer = mine if me == 0 else into
        call = lambda: comm.Bcast([buffer, floats], root=0)  # noqa: E731
        expected = (lambda: numbers(0, count, 1)) if me else None
    elif collective == "allgather":
        call = lambda: comm.Allgather([mine[:part], floats], [into[: part * size], floats])  # noqa: E731
        expected = lambda: np.concatenate([numbers(0, part, r + 1) for r in range(size)])  # noqa: E731
    elif collective == "reduce_scatter":
        call = lambda: comm.Reduce_scatter_block([mine[: part * size], floats], [into[:part], floats])  # noqa: E731
        expected = lambda: numbers(me * part, part, all_ranks)  # noqa: E731
    else:
        call = lambda: comm.Alltoall([mine[: part * size], floats], [into[: part * size], floats])  # noqa: E731
        expected = lambda: np.concatenate([numbers(me * part, part, r + 1) for r in range(size)])  # noqa: E731
    return checked(rank, call, into, expected, place)


def repeated(rank: Any, *, collective: str, bytes: int, delay: float) -> Any:
    """The collective behind work of each rank's own. delay: seconds that the last rank is held up for (own_work.py)."""
    return replace(native(rank, collective=collective, bytes=bytes), before=_own.before(rank.rank, rank.size, delay))


def checked(rank: Any, call: Callable[[], object], into: Any, expected: Callable[[], Any] | None, place: Any) -> Any:
    """The program of a call that leaves the numbers `expected()` at the start of `into`, which lies in `place`."""

    def verify() -> bool:
        assert expected is not None
        wanted = expected()
        return bool(np.array_equal(place.read(into[: wanted.size]), wanted))

    return rank.Program(step=call, poison=lambda: place.fill(into, 0xFF), verify=verify if expected else None)


def barrier(rank: Any) -> Any:
    """A barrier."""
    return rank.Program(step=rank.comm.Barrier)


def neighbours(rank: Any, *, direction: str, bytes: int) -> Any:
    """A message to the next rank and one from the rank before, or both ways round."""
    comm, size, me = rank.comm, rank.size, rank.rank
    right, left = (me + 1) % size, (me - 1) % size
    out = rank.pattern(bytes, me)
    from_left, from_right = rank.array(bytes), rank.array(bytes)
    request = rank.MPI.Request

    def one() -> None:
        comm.Sendrecv(out, right, 0, from_left, left, 0)

    def both() -> None:
        waiting = [comm.Irecv(from_left, left, 0), comm.Irecv(from_right, right, 1)]
        waiting += [comm.Isend(out, right, 0), comm.Isend(out, left, 1)]
        request.Waitall(waiting)

    def poison() -> None:
        from_left.fill(0xEE)
        from_right.fill(0xEE)

    def verify() -> bool:
        sound = np.array_equal(from_left, rank.pattern(bytes, left))
        return bool(sound and (direction == "one" or np.array_equal(from_right, rank.pattern(bytes, right))))

    return rank.Program(step=one if direction == "one" else both, poison=poison, verify=verify)
