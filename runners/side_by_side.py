"""Several kinds of work at the same time, and how fast each goes while all of them run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_SETTLING = 0.1  # of the stretch that all share, at its start
_FEWEST, _MOST = 4, 150  # units of a load that are enqueued, each with a mark; a stream holds about a thousand


@dataclass(kw_only=True)
class Load:
    """Work in units of some tens of microseconds: `start()` enqueues one on `lane`. unit_s is found by `calibrate`."""

    lane: Any
    start: Callable[[], None]
    unit_s: float = 0.0


def calibrate(gpu: Any, load: Load, units: int = 8) -> None:
    """Run some units alone, which loads the kernels too, and note how long one takes."""
    load.start()
    load.lane.synchronize()
    marks = [load.lane.mark()]
    for _ in range(units):
        load.start()
    marks.append(load.lane.mark())
    load.lane.synchronize()
    before, after = load.lane.seconds(marks, marks[0])
    load.unit_s = max(1e-6, float(after - before) / units)


def rates(gpu: Any, loads: Sequence[Load], span_s: float) -> list[float]:
    """Units per second of each load while all of them run, for about `span_s` seconds.

    All are queued behind a gate and begin together; either all of their lanes stamp or none does. Their units are
    enqueued in turn, since a copy engine takes copies in the order in which they came, whatever their lanes. What
    counts is the stretch in which none has come to its end; units under way at either end of it count in part.
    """
    counts = [min(_MOST, max(_FEWEST, round(span_s / load.unit_s))) for load in loads]
    turns = sorted(((unit + 0.5) / count, at) for at, count in enumerate(counts) for unit in range(count))
    bench = gpu.bench
    bench.close_gate()
    try:
        begin = bench.event()
        marks = []
        for load in loads:
            load.lane.wait(begin)
            marks.append([load.lane.mark()])
        for _, at in turns:
            loads[at].start()
            marks[at].append(loads[at].lane.mark())
    finally:
        bench.open_gate()
    for load in loads:
        load.lane.synchronize()
    return shared_rates([load.lane.seconds(own, begin) for load, own in zip(loads, marks, strict=True)])


def shared_rates(times: Sequence[Any]) -> list[float]:
    """Units per second of each over the stretch that all share, from when each unit began and the last one ended.

    A copy engine may serve one lane for a while and then the next: where no stretch is shared, all of them count over
    the whole of it, from the first beginning to the last end.
    """
    first, last = max(float(t[0]) for t in times), min(float(t[-1]) for t in times)
    first += _SETTLING * (last - first)
    if last <= first:
        first, last = min(float(t[0]) for t in times), max(float(t[-1]) for t in times)
    found = []
    for t in times:
        done = np.interp([first, last], t, np.arange(t.size))
        found.append(float(done[1] - done[0]) / (last - first))
    return found
