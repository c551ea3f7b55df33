"""The cycle clock: the SM's own counter around a dependent chain, as a slope over two chain lengths."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone.clock.stamp import sm_hz
from gridstone.declaration import Samples


@dataclass(kw_only=True)
class CycleClock:
    """Times a chain of `length` dependent operations by launching it at two lengths.

    launch(length, slot): enqueue the chain, which writes its Stamp to `slot`. stamps(n): wait, then the first n
    stamps as a structured array. before: called ahead of every sample, for instance to warm a cache. The slope
    over the lengths cancels what reading the clock costs.
    """

    launch: Callable[[int, int], None]
    stamps: Callable[[int], Any]
    lengths: tuple[int, int]
    before: Callable[[], None] | None = None
    multiprocessors: int = 1

    def take(self, count: int) -> Samples:
        """`count` samples: cycles per operation, and seconds per operation at the clock from first to last launch."""
        short, long = self.lengths
        for i in range(count):
            if self.before:
                self.before()
            self.launch(short, 2 * i)
            self.launch(long, 2 * i + 1)
        stamps = self.stamps(2 * count)
        taken = (stamps["c1"] - stamps["c0"]).astype(np.float64)
        cycles = (taken[1::2] - taken[0::2]) / (long - short)
        hz = np.full(count, sm_hz(stamps[0], stamps[-1]))
        return Samples(cycles=cycles, seconds=cycles / hz, sm_hz=hz, multiprocessors=self.multiprocessors)
