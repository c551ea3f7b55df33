"""The clock of kernels that fill the GPU and time themselves: every block stamps its own stretch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone.declaration import Samples


@dataclass(frozen=True, kw_only=True)
class BlockClock:
    """Times one launch per sample by the stamps of its blocks, so that no launch cost and no idle clock is in it.

    Blocks start up to a microsecond after each other, which of a short burst is two parts in a thousand. So the time
    is that of the block that takes longest, from its own start: where blocks share what they wait for (a slice of L2,
    a lane between SMs), one that does so is among the last, and what it takes is what all take.

    launch(): enqueue the kernel, each block of which writes a Stamp between two barriers of all its warps.
    stamps(): wait, then the stamps of the last launch. work: units of work of all blocks together.
    """

    launch: Callable[[], None]
    stamps: Callable[[], Any]
    work: float
    multiprocessors: int

    def take(self, count: int) -> Samples:
        """`count` samples: seconds of the block that takes longest, cycles and SM clock of the median block."""
        seconds, cycles, hz = np.empty(count), np.empty(count), np.empty(count)
        for i in range(count):
            self.launch()
            stamps = self.stamps()
            spent = (stamps["c1"] - stamps["c0"]).astype(np.float64)
            passed = (stamps["g1"] - stamps["g0"]).astype(np.float64)
            seconds[i] = passed.max() * 1e-9
            cycles[i] = np.median(spent)
            hz[i] = np.median(spent / passed) * 1e9
        return Samples(seconds=seconds, cycles=cycles, sm_hz=hz, work=self.work, multiprocessors=self.multiprocessors)
