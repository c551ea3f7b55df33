"""Power at equilibrium, on a GPU of paper whose sensors behave as those of an H100 do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from gridstone.clock import Work
from gridstone.declaration import Samples
from gridstone.device import Reading
from gridstone.measure import sampling, take
from gridstone.measure.trail import Trail

SUSTAINED = {"regime": "sustained"}


def reading(energy: float | None, power: float | None = None) -> Reading:
    return Reading(sm_mhz=1500, mem_mhz=2619, power_w=power, temperature_c=50, throttle=frozenset(), energy_j=energy)


class PaperGpu:
    """Draws 120 W at rest; a kernel first 760 W and, half a second on, the 700 W of its cap. The clock is the test's.

    Its counter has the energy up to the last whole 0.1 s, or of every third one `late_s` later; its sensor the mean of
    the last second.
    """

    def __init__(
        self, *, counter: bool = True, sensor: bool = True, launch_s: float = 0.1, late_s: float = 0.0
    ) -> None:
        self.now, self.busy_since, self.counter, self.sensor = 100.0, math.inf, counter, sensor
        self.late_s = late_s
        self.launch_s, self.launches, self.trails = launch_s, 0, []

    def joules(self, until: float) -> float:
        busy = max(0.0, until - self.busy_since)
        return 120 * (until - busy) + 760 * min(busy, 0.5) + 700 * max(0.0, busy - 0.5)

    def watch(self, *, energy: bool = False) -> Reading:
        known = math.floor(self.now * 10) / 10
        if round(known * 10) % 3 == 0 and self.now - known < self.late_s:
            known -= 0.1
        power = self.joules(self.now) - self.joules(self.now - 1)
        return reading(self.joules(known) if self.counter else None, power if self.sensor else None)

    def take(self, count: int) -> Samples:
        self.busy_since = min(self.busy_since, self.now)
        for _ in range(round(count * self.launch_s / 0.004)):
            self.now += 0.004
            for trail in self.trails:
                trail.note(self.now, self.watch(energy=True))
        self.launches += count
        return Samples(
            seconds=np.full(count, self.launch_s), cycles=np.ones(count), sm_hz=np.full(count, 1.5e9), work=1e14
        )


@pytest.fixture
def on_paper(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sampling by the clock of the GPU, whose launches note what it draws."""

    class Noted(Trail):
        def __enter__(self) -> Trail:
            self._watch.__self__.trails.append(self)  # type: ignore[attr-defined]
            return self

        def __exit__(self, *_: object) -> None:
            self._watch.__self__.trails.clear()  # type: ignore[attr-defined]

    monkeypatch.setattr(sampling, "Trail", Noted)
    yield


def taken(gpu: PaperGpu, monkeypatch: pytest.MonkeyPatch, count: int = 5) -> Samples:
    monkeypatch.setattr(sampling, "time", SimpleNamespace(perf_counter=lambda: gpu.now))
    return take(Work(clock=gpu), count, gpu.watch, SUSTAINED).samples


@pytest.mark.parametrize("launch_s", [0.1, 0.004])
def test_power_is_the_slope_of_the_energy_counter_once_the_cap_holds(
    on_paper: None, monkeypatch: pytest.MonkeyPatch, launch_s: float
) -> None:
    gpu = PaperGpu(launch_s=launch_s)
    power = taken(gpu, monkeypatch).observed["power"]
    known = power[np.isfinite(power)]
    assert known == pytest.approx(700, rel=0.01)
    assert np.median(known) == pytest.approx(700, rel=0.001)
    assert power.size - known.size <= max(3, round(0.3 / launch_s))  # what ended after the counter's last step
    assert gpu.now - gpu.busy_since > 1.5 + 1.5  # not before two equal half seconds, and a window after them


def test_a_counter_whose_steps_are_seen_late_is_off_by_that_over_the_whole_window(
    on_paper: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = PaperGpu(late_s=0.02)
    power = taken(gpu, monkeypatch).observed["power"]
    known = power[np.isfinite(power)]
    assert known.size >= 4 and np.ptp(known) == 0
    assert known[0] == pytest.approx(700, rel=0.02 / 1.2)


def test_without_a_counter_the_mean_power_of_the_sensor_stands_in(
    on_paper: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = PaperGpu(counter=False)
    power = taken(gpu, monkeypatch).observed["power"]
    assert np.nanmedian(power) == pytest.approx(700, rel=0.01)


def test_a_gpu_that_tells_nothing_of_its_power_is_not_waited_for(
    on_paper: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = PaperGpu(counter=False, sensor=False)
    samples = taken(gpu, monkeypatch)
    assert np.isnan(samples.observed["power"]).all() and samples.seconds.size >= 4
    assert gpu.now - gpu.busy_since < 2


def test_power_never_steady_is_sampled_in_the_end(on_paper: None, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = PaperGpu()
    monkeypatch.setattr(Trail, "steady", lambda _: False)
    assert np.isfinite(taken(gpu, monkeypatch).observed["power"]).any()
    assert 5 < gpu.now - gpu.busy_since < 8


def test_energy_belongs_to_the_moment_at_which_it_was_first_seen() -> None:
    trail = Trail(lambda *, energy=False: None)
    for moment, joules in ((0.0, 10.0), (0.05, 10.0), (0.1, 80.0), (0.15, 80.0), (0.2, 130.0)):
        trail.note(moment, reading(joules))
    assert trail.power(0.0, 0.1) == pytest.approx(700)
    assert trail.power(0.1, 0.2) == pytest.approx(500)
    assert trail.power(0.05, 0.15) == pytest.approx(600)
    assert math.isnan(trail.power(0.1, 0.21)) and math.isnan(trail.power(-0.1, 0.1))


def test_the_thread_follows_until_the_block_ends() -> None:
    seen: list[int] = []

    def watch(*, energy: bool = False) -> Reading:
        seen.append(len(seen))
        return reading(float(len(seen)))

    with Trail(watch) as trail:
        while len(seen) < 3:
            pass
    count = len(seen)
    assert count >= 3 and not trail.dark
    assert seen == list(range(count))


def test_a_host_has_no_power() -> None:
    with Trail(lambda *, energy=False: None) as trail:
        while not trail.dark:
            pass
    assert not trail.steady() and math.isnan(trail.power(0, 1))


def test_a_burst_has_no_power_and_rests_before_each_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, rests = PaperGpu(), []
    monkeypatch.setattr(sampling, "time", SimpleNamespace(perf_counter=lambda: gpu.now, sleep=rests.append))
    samples = take(Work(clock=gpu), 4, gpu.watch, {"regime": "burst"}).samples
    assert "power" not in samples.observed and len(rests) == samples.seconds.size == 4
