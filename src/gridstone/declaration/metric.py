"""A metric: what one sample means, in which unit, and in which direction better lies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gridstone.declaration.sample import Array, Samples

Better = Literal["lower", "higher"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A column of results. `reduce` turns the raw samples of a cell into one value per sample.

    within: the half-width of the interval, in `unit`, that a cell is visited for, as long as its budget lasts. Without
    it a probe's first metric is visited for a share of its value, which the profile sets, and the others are not.
    """

    name: str
    unit: str
    better: Better
    reduce: Callable[[Samples], Array]
    within: float | None = None

    def called(self, name: str) -> Metric:
        """The same metric under a name with a suffix, for a cell that has several."""
        return replace(self, name=name)


def cycles(*, per: str, name: str = "latency", better: Better = "lower", within: float | None = None) -> Metric:
    """SM cycles per unit of work: the slope of the in-kernel clock over two chain lengths."""
    return Metric(name=name, unit=f"cycle/{per}", better=better, reduce=lambda s: s.cycles, within=within)


def seconds(*, name: str = "time", better: Better = "lower") -> Metric:
    """Seconds of one call of the work, however many units it does, on whichever clock it is timed by."""
    return Metric(name=name, unit="s", better=better, reduce=lambda s: s.seconds)


def rate(*, unit: str, name: str = "rate", better: Better = "higher") -> Metric:
    """Units of work per second: `launch/s`, `flop/s`."""
    return Metric(name=name, unit=unit, better=better, reduce=lambda s: s.work / s.seconds)


def bandwidth(*, name: str = "bandwidth") -> Metric:
    """Bytes that the program asked for, per second: `work` counts bytes."""
    return rate(unit="B/s", name=name)


def bandwidth_per_clock(*, name: str = "bandwidth_sm") -> Metric:
    """Bytes per SM and clock, at the SM clock that each sample really ran at."""
    return Metric(
        name=name,
        unit="B/cycle",
        better="higher",
        reduce=lambda s: s.work / (s.seconds * s.sm_hz * s.multiprocessors),
    )


def per_clock(*, unit: str, name: str = "throughput") -> Metric:
    """Units of work per SM and clock, by the cycles that the blocks of a kernel counted: `instruction/cycle`."""
    return Metric(name=name, unit=unit, better="higher", reduce=lambda s: s.work / (s.cycles * s.multiprocessors))


def observed(*, name: str, unit: str, better: Better = "lower", within: float | None = None) -> Metric:
    """A value that the probe itself reads off its output, by this name."""
    return Metric(name=name, unit=unit, better=better, reduce=lambda s: s.observed[name], within=within)
