"""Which cells of a pass are visited in turns, and which blocks of them come first."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from gridstone.measure import is_sustained
from gridstone.worker.gathering import Gathering

_BLOCK = 32
_TURN = {None: 0, "one": 0, "ranks": 1, "all": 2}


def blocks(pending: Sequence[Gathering]) -> Iterator[Sequence[Gathering]]:
    """The cells of a pass in blocks of one kind each, in the order given within a kind.

    Cells of one GPU and of none come first, then those of MPI ranks on a GPU, then those of all GPUs: the processes
    of each have the memory to themselves. Of each those come last that heat the GPU for seconds: one that was held at
    its power cap lowers its clocks for a while after, and the next pass begins with new processes.
    """
    for _, alike in itertools.groupby(sorted(pending, key=_kind), key=_kind):
        cells = list(alike)
        for at in range(0, len(cells), _BLOCK):
            yield cells[at : at + _BLOCK]


def _kind(one: Gathering) -> tuple[int, bool]:
    heats = is_sustained(one.cell.axes) or "throttled" in one.cell.axes.values()
    return _TURN[one.cell.gpu_use], heats
