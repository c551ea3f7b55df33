"""One visit to a cell: samples of it, with the GPU's state beside them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gridstone.clock import Work
from gridstone.declaration import Samples, Value
from gridstone.device import Reading

_BURST_REST_S = 0.02
_EQUILIBRIUM_S = 5.0
_EQUILIBRIUM_WINDOW_S = 0.5

Watch = Callable[[], Reading | None]


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Samples of one visit to a cell, the readings taken with them, and the verdict on the result."""

    samples: Samples
    readings: tuple[Reading, ...]
    verified: bool | None


def take(work: Work, count: int, watch: Watch, axes: Mapping[str, Value]) -> Taken:
    """Poison, warm up, take `count` samples, verify.

    watch: reads the GPU's state, or returns None on a host. axes: `regime` decides between bursts from rest and
    samples at power equilibrium.
    """
    if work.poison:
        work.poison()
    work.clock.take(1)
    regime = axes.get("regime")
    if regime == "sustained":
        _reach_equilibrium(work, watch)
    readings = [watch()]
    start = time.perf_counter()
    collected: list[Samples] = []
    batch = 1 if regime else count
    least_s = _EQUILIBRIUM_WINDOW_S if regime == "sustained" else 0.0
    while batch * len(collected) < count or time.perf_counter() - start < least_s:
        if regime == "burst":
            time.sleep(_BURST_REST_S)
        collected.append(work.clock.take(batch))
        readings.append(watch())
    samples = join(collected)
    if regime != "burst":  # the power sensor averages over tens of milliseconds: it says nothing of a burst
        power = np.array([r.power_w for r in readings[1:] if r and r.power_w is not None])
        samples = replace(samples, observed={**samples.observed, "power": power})
    verified = work.verify() if work.verify else None
    return Taken(samples=samples, readings=tuple(filter(None, readings)), verified=verified)


def join(parts: list[Samples]) -> Samples:
    """Batches of samples taken one after the other, as one."""
    names = parts[0].observed
    return replace(
        parts[-1],
        seconds=np.concatenate([p.seconds for p in parts]),
        cycles=np.concatenate([p.cycles for p in parts]),
        sm_hz=np.concatenate([p.sm_hz for p in parts]),
        observed={name: np.concatenate([p.observed[name] for p in parts]) for name in names},
    )


def _reach_equilibrium(work: Work, watch: Watch) -> None:
    """Keep the work running until the means of the last two quarters of a second differ by less than 1 % in power."""
    start = time.perf_counter()
    history: list[tuple[float, float]] = []
    while time.perf_counter() - start < _EQUILIBRIUM_S:
        work.clock.take(4)
        reading = watch()
        if reading is None or reading.power_w is None:
            return
        now = time.perf_counter()
        history = [(t, p) for t, p in history if now - t <= _EQUILIBRIUM_WINDOW_S] + [(now, reading.power_w)]
        older, newer = np.array_split([p for _, p in history], 2)
        long_enough = now - history[0][0] > 0.8 * _EQUILIBRIUM_WINDOW_S and now - start > 1.0
        if long_enough and abs(newer.mean() - older.mean()) < 0.01 * newer.mean():
            return
