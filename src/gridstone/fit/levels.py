"""Which working sets are typical of a level of memory, read off the latency ladder itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table

_SAME, _APART = 1.05, 1.5


def levels(working_set: Table, latency: Table) -> dict[str, float]:
    """The measured working set (bytes) that stands for `l1`, `l2` and `dram`, as far as they differ.

    L1 is where the latency stays within 5 % of the least, DRAM the far end of the ladder; L2 is the middle
    of the flattest octave between the two. Levels must differ by half again. The working sets must ascend.
    """
    least, most = float(latency.min()), float(latency[-1])
    near = np.flatnonzero(latency <= least * _SAME)
    if most < _APART * least or near[0] != 0:
        return {}
    found = {"l1": float(working_set[near[len(near) // 2]]), "dram": float(working_set[-1])}
    rises = {}
    for i in np.flatnonzero((latency > _APART * least) & (latency * _APART < most)):
        octave = (working_set >= working_set[i] / 2**0.5) & (working_set <= working_set[i] * 2**0.5)
        rises[int(i)] = float(latency[octave].max() / latency[octave].min())
    if rises:
        found["l2"] = float(working_set[min(rises, key=lambda i: rises[i])])
    return found
