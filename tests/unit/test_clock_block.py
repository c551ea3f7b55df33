"""The clock of kernels that fill the GPU: what it makes of the stamps of their blocks."""

from __future__ import annotations

import numpy as np

from gridstone import per_clock
from gridstone.clock import STAMP, BlockClock


def stamped(starts_ns: list[int], lengths_ns: list[int], ghz: float) -> np.ndarray:
    stamps = np.zeros(len(starts_ns), dtype=STAMP)
    stamps["g0"], stamps["g1"] = starts_ns, np.add(starts_ns, lengths_ns)
    stamps["c1"] = (np.array(lengths_ns) * ghz).astype("u8")
    return stamps


def test_seconds_are_those_of_the_longest_block_and_cycles_those_of_the_median_one() -> None:
    launched: list[int] = []
    stamps = stamped([1000, 1100, 1500], [100_000, 100_000, 120_000], ghz=2.0)
    clock = BlockClock(launch=lambda: launched.append(1), stamps=lambda: stamps, work=6e5, multiprocessors=3)
    samples = clock.take(4)
    assert len(launched) == 4
    np.testing.assert_allclose(samples.seconds, 120_000e-9)
    np.testing.assert_allclose(samples.cycles, 200_000)
    np.testing.assert_allclose(samples.sm_hz, 2e9)


def test_when_blocks_start_is_not_in_the_time_of_a_burst() -> None:
    """Blocks start within 0.7 us of each other, which is 0.5 % of what they then take."""
    for starts in ([0, 0, 0, 0], [0, 200, 450, 700]):
        stamps = stamped(starts, [140_000] * 4, ghz=1.7)
        clock = BlockClock(launch=lambda: None, stamps=lambda s=stamps: s, work=1.0, multiprocessors=4)
        np.testing.assert_allclose(clock.take(2).seconds, 140e-6)


def test_throughput_per_clock_is_that_of_one_sm_whatever_the_clock() -> None:
    for ghz in (1.2, 1.98):
        stamps = stamped([0, 0], [50_000, 50_000], ghz)
        clock = BlockClock(
            launch=lambda: None, stamps=lambda s=stamps: s, work=2 * 64 * 50_000 * ghz, multiprocessors=2
        )
        value = per_clock(unit="instruction/cycle").reduce(clock.take(1))
        np.testing.assert_allclose(value, 64)
