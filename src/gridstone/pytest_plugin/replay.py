"""Device times for pytest-benchmark: a round is a sample, and the timer a clock that the samples set."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from gridstone.store import Row
from gridstone.worker import Outcome

_SHOWN = {"B/s": ("GB/s", 1e-9), "flop/s": ("TFLOP/s", 1e-12)}


class DeviceClock:
    """A timer that stands at zero before each sample and at the sample's seconds after it."""

    def __init__(self, seconds: Iterable[float]) -> None:
        self._samples = iter(seconds)
        self._now = 0.0

    def __call__(self) -> float:
        return self._now

    def rewind(self) -> None:
        """Back to zero, ahead of a sample."""
        self._now = 0.0

    def advance(self) -> None:
        """To the end of the next sample."""
        self._now = next(self._samples)


def replay(benchmark: Any, outcome: Outcome) -> None:
    """Give the samples of a cell to a `benchmark` fixture, one round each; nothing where it has no times."""
    seconds = device_seconds(outcome)
    if not seconds:
        return
    clock = DeviceClock(seconds)
    benchmark._timer = clock
    benchmark.pedantic(clock.advance, setup=clock.rewind, rounds=len(seconds))


def device_seconds(outcome: Outcome) -> list[float]:
    """Seconds of each sample: as timed, else a metric in seconds, else cycles at the clock they ran at."""
    timed = [s for s in outcome.seconds if math.isfinite(s)]
    if timed:
        return timed
    for row in outcome.rows:
        if row.unit == "s":
            return list(row.samples)
    for row in outcome.rows:
        if row.unit.startswith("cycle/") and row.sm_mhz:
            return [cycles / (row.sm_mhz * 1e6) for cycles in row.samples]
    return []


def extra_info(rows: Sequence[Row]) -> dict[str, Any]:
    """What pytest-benchmark keeps beside the times: where the rows are, and each metric against its limit."""
    first = rows[0]
    info: dict[str, Any] = {"run_id": first.run_id, "cell_id": first.cell_id, "sm_mhz": first.sm_mhz}
    for row in rows:
        info[f"{row.metric}_status"] = row.status
        if row.value is None:
            continue
        unit, scale = _SHOWN.get(row.unit, (row.unit, 1.0))
        info[f"{row.metric} ({unit})"] = row.value * scale
        if row.limit:
            info[f"{row.metric}_of_limit"] = row.value / row.limit
    return info
