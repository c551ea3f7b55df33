"""One visit to a cell: samples of it, with the GPU's state beside them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gridstone.clock import Work
from gridstone.declaration import Samples, Value
from gridstone.device import Reading
from gridstone.measure.trail import Trail, Watch

_BURST_REST_S = 0.02
_EQUILIBRIUM_S = 5.0  # at most
_STRETCH_S = 0.3  # of launches between two looks at the GPU
_WINDOW_S = 1.5  # five such stretches, of the last of which the energy counter has not told yet
_MOST_IN_A_STRETCH = 60


@dataclass(frozen=True, kw_only=True)
class Taken:
    """Samples of one visit to a cell, the readings taken with them, and the verdict on the result."""

    samples: Samples
    readings: tuple[Reading, ...]
    verified: bool | None


def take(work: Work, count: int, watch: Watch, axes: Mapping[str, Value]) -> Taken:
    """Poison, warm up, take `count` samples, verify.

    watch: reads the GPU's state, or returns None on a host. axes: `regime` decides between bursts from rest and
    samples at power equilibrium, which have the power drawn meanwhile in `observed`.
    """
    if work.poison:
        work.poison()
    first = work.clock.take(1)
    readings = [watch()]
    if is_sustained(axes):
        samples = _at_equilibrium(work, watch, first, readings)
    elif axes.get("regime") == "burst":
        samples = _bursts(work, count, watch, readings)
    else:
        samples = work.clock.take(count)
        readings.append(watch())
    verified = work.verify() if work.verify else None
    return Taken(samples=samples, readings=tuple(filter(None, readings)), verified=verified)


def is_sustained(axes: Mapping[str, Value]) -> bool:
    """Whether a cell is sampled at power equilibrium: for seconds, and at whatever clock the GPU then holds."""
    return axes.get("regime") == "sustained"


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


def _bursts(work: Work, count: int, watch: Watch, readings: list[Reading | None]) -> Samples:
    """Samples from rest. No power: sensor and counter see tenths of a second, in which a burst is nothing."""
    collected = []
    for _ in range(count):
        time.sleep(_BURST_REST_S)
        collected.append(work.clock.take(1))
        readings.append(watch())
    return join(collected)


def _at_equilibrium(work: Work, watch: Watch, first: Samples, readings: list[Reading | None]) -> Samples:
    """Samples of more than a second without a pause, once the power drawn has become steady.

    All have the mean power of the whole window: a step of the energy counter is seen some 10 ms off its moment, which
    is 4 % of one stretch, and what a stretch has too much its neighbour lacks. NaN in the last stretch, whose end the
    counter has not told of yet, and where the GPU tells nothing of its power.
    """
    once = float(np.median(first.seconds)) if first.seconds.size else _STRETCH_S
    batch = min(max(1, round(_STRETCH_S / once)), _MOST_IN_A_STRETCH)
    stretches: list[tuple[float, Samples]] = []
    with Trail(watch) as trail:
        start = time.perf_counter()
        while not (trail.steady() or trail.dark) and time.perf_counter() - start < _EQUILIBRIUM_S:
            work.clock.take(batch)
        begin = now = time.perf_counter()
        while now - begin < _WINDOW_S:
            samples = work.clock.take(batch)
            now = time.perf_counter()
            stretches.append((now, samples))
            readings.append(watch())
        power = np.array([trail.power(begin, end) for end, _ in stretches])
    told = np.isfinite(power)
    power[told] = power[told][-1:]
    return join([_drawing(samples, watts) for (_, samples), watts in zip(stretches, power.tolist(), strict=True)])


def _drawing(samples: Samples, watts: float) -> Samples:
    return replace(samples, observed={**samples.observed, "power": np.full(samples.seconds.size, watts)})
