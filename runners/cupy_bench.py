"""What the clocks need of a GPU: a stream that can be held, stamps of an SM's clocks, and events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import cupy as cp
import numpy as np

from gridstone.clock import STAMP, sm_hz

T = TypeVar("T")

_SLOTS = 4096  # the last two are those of `clocked`
_GATE_NS = 2_000_000_000


class Bench:
    """The stream of the visit that is under way, as the event clock and the cycle clock use it."""

    def __init__(self, gpu: Any) -> None:
        self._gpu = gpu
        self.multiprocessors = gpu.multiprocessors
        self._stamps = cp.zeros(_SLOTS * STAMP.itemsize, dtype=cp.uint8)
        self._gate = np.frombuffer(cp.cuda.alloc_pinned_memory(64), dtype=np.uint32, count=1)

    def close_gate(self) -> None:
        """Hold the stream until `open_gate`."""
        self._gate[0] = 0
        self._gpu.support("gate.cu", "gate", 1, 1, [self._gate.ctypes.data, np.uint64(_GATE_NS)])

    def open_gate(self) -> None:
        """Let the stream go on."""
        self._gate[0] = 1

    def stamp(self, slot: int) -> None:
        """Enqueue a stamp of one SM's clocks."""
        self._gpu.support("stamp.cu", "stamp", 1, 1, [self.slot(slot)])

    def clocked(self, run: Callable[[], T]) -> tuple[T, float]:
        """What `run()` returns, and the SM clock in Hz by a stamp on either side of all that it does."""
        self.stamp(_SLOTS - 2)
        returned = run()
        self.stamp(_SLOTS - 1)
        self.synchronize()
        return returned, sm_hz(*self._stamps[-2 * STAMP.itemsize :].get().view(STAMP))

    def forget_stamps(self) -> None:
        """Enqueue: no stamp of a cell before is left, which a kernel that writes none would pass off as its own."""
        self._gpu.memset(self._stamps, 0xFF)

    def slot(self, number: int) -> int:
        """The address where a kernel writes a stamp."""
        return int(self._stamps.data.ptr) + number * STAMP.itemsize

    def stamps(self, count: int) -> Any:
        """Wait for the stream, then the first `count` stamps."""
        self.synchronize()
        return self._stamps[: count * STAMP.itemsize].get().view(STAMP)

    def event(self) -> Any:
        """Record a new event on the stream."""
        event = cp.cuda.Event()
        event.record(self._gpu.stream)
        return event

    def elapsed_s(self, start: Any, end: Any) -> float:
        """Seconds between two recorded events."""
        return float(cp.cuda.get_elapsed_time(start, end)) * 1e-3

    def synchronize(self) -> None:
        """Wait for the stream."""
        self._gpu.stream.synchronize()
