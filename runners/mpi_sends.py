"""An all-reduce that ranks build from sends and NumPy additions: a ring, a star around rank 0, or a binomial tree."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content

_collectives = content.load_module(Path(__file__).with_name("mpi_collectives.py"))


def _ring(rank: Any, mine: Any, into: Any, spare: Any) -> Callable[[], None]:
    """Reduce-scatter, then all-gather, each in as many steps as there are neighbours to pass parts on to."""
    comm, size, me = rank.comm, rank.size, rank.rank
    right, left = (me + 1) % size, (me - 1) % size
    edges = [len(mine) * i // size for i in range(size + 1)]
    parts = [into[a:b] for a, b in itertools.pairwise(edges)]

    def call() -> None:
        into[:] = mine
        for step in range(size - 1):
            out, part = parts[(me - step) % size], parts[(me - step - 1) % size]
            comm.Sendrecv(out, right, 0, spare[: len(part)], left, 0)
            part += spare[: len(part)]
        for step in range(size - 1):
            comm.Sendrecv(parts[(me + 1 - step) % size], right, 1, parts[(me - step) % size], left, 1)

    return call


def _star(rank: Any, mine: Any, into: Any, spare: Any) -> Callable[[], None]:
    """Everyone sends to rank 0, which adds up and sends back."""
    comm, size, me = rank.comm, rank.size, rank.rank

    def call() -> None:
        if me:
            comm.Send(mine, 0, 0)
            comm.Recv(into, 0, 1)
            return
        into[:] = mine
        for other in range(1, size):
            comm.Recv(spare, other, 0)
            np.add(into, spare, out=into)
        for other in range(1, size):
            comm.Send(into, other, 1)

    return call


def _tree(rank: Any, mine: Any, into: Any, spare: Any) -> Callable[[], None]:
    """Up a binomial tree to rank 0, and down again."""
    comm, size, me = rank.comm, rank.size, rank.rank
    lowest = me & -me if me else 1 << (size - 1).bit_length()
    steps = [1 << i for i in range(lowest.bit_length() - 1) if me + (1 << i) < size]

    def call() -> None:
        into[:] = mine
        for step in steps:
            comm.Recv(spare, me + step, 0)
            np.add(into, spare, out=into)
        if me:
            comm.Send(into, me - lowest, 0)
            comm.Recv(into, me - lowest, 1)
        for step in reversed(steps):
            comm.Send(into, me + step, 1)

    return call


_BUILT = {"ring": _ring, "star": _star, "tree": _tree}


def allreduce(rank: Any, *, algorithm: str, bytes: int) -> Any:
    """The sum of all ranks' numbers on every rank, in the way that is named."""
    count, total = bytes // 4, rank.size * (rank.size + 1) // 2
    mine = _collectives.numbers(0, count, rank.rank + 1)
    into, spare = rank.array(bytes).view(np.float32), rank.array(bytes).view(np.float32)
    call = _BUILT[algorithm](rank, mine, into, spare)
    return _collectives.checked(rank, call, into, lambda: _collectives.numbers(0, count, total), rank.host)
