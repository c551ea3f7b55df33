"""The event clock: CUDA events around work that was queued behind a closed gate, so launch gaps are not timed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gridstone.clock.stamp import sm_hz
from gridstone.declaration import Samples

_QUEUE = 300  # launches in flight; a stream holds about a thousand before a launch blocks


class Bench(Protocol):
    """What the clock needs of a runner: a stream with a gate, stamps and events."""

    multiprocessors: int

    def close_gate(self) -> None: ...
    def open_gate(self) -> None: ...
    def stamp(self, slot: int) -> None: ...
    def stamps(self, count: int) -> Any: ...
    def event(self) -> Any: ...
    def synchronize(self) -> None: ...
    def elapsed_s(self, start: Any, end: Any) -> float: ...


@dataclass(kw_only=True)
class EventClock:
    """Times `enqueue()`, which puts work on the bench's stream and returns before it is done.

    work: units of work per call. before: untimed work ahead of every sample, such as a flush of L2; it forces
    one call per sample. gated: whether the calls may wait behind the gate (not where they block the host).
    """

    bench: Bench
    enqueue: Callable[[], object]
    work: float
    before: Callable[[], object] | None = None
    gated: bool = True
    least_s: float = 400e-6
    _repeats: int = 0

    def take(self, count: int) -> Samples:
        """`count` samples; `seconds` is the duration of one call, `sm_hz` the clock from a stamp each side."""
        if self._repeats == 0:
            # The driver loads a kernel at its first launch and waits for the stream to do so: not behind a gate.
            self._batch(1, 1, gated=False)
            once = float(self._batch(1, 1, self.gated)[0][0])
            wanted = 1 if self.before else round(self.least_s / max(once, 1e-7))
            self._repeats = max(1, min(_QUEUE // 2, wanted))
        seconds: list[float] = []
        hz: list[float] = []
        per_batch = max(1, _QUEUE // (self._repeats + 4))
        while len(seconds) < count:
            taken, clocks = self._batch(min(per_batch, count - len(seconds)), self._repeats, self.gated)
            seconds.extend(taken)
            hz.extend(clocks)
        return Samples(
            seconds=np.array(seconds) / self._repeats,
            sm_hz=np.array(hz),
            work=self.work,
            multiprocessors=self.bench.multiprocessors,
        )

    def _batch(self, count: int, repeats: int, gated: bool) -> tuple[list[float], list[float]]:
        bench = self.bench
        events = []
        if gated:
            bench.close_gate()
        try:
            for i in range(count):
                if self.before:
                    self.before()
                bench.stamp(2 * i)
                start = bench.event()
                for _ in range(repeats):
                    self.enqueue()
                events.append((start, bench.event()))
                bench.stamp(2 * i + 1)
        finally:
            if gated:
                bench.open_gate()
        bench.synchronize()
        stamps = bench.stamps(2 * count)
        seconds = [bench.elapsed_s(start, end) for start, end in events]
        return seconds, [sm_hz(stamps[2 * i], stamps[2 * i + 1]) for i in range(count)]
