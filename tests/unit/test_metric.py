"""What samples are reduced to."""

from __future__ import annotations

import numpy as np
import pytest

from gridstone.declaration import Samples, bandwidth, bandwidth_per_clock, cycles, observed, rate, seconds

SAMPLES = Samples(
    seconds=np.array([1e-3, 2e-3]),
    cycles=np.array([30.0, 31.0]),
    sm_hz=np.array([1e9, 2e9]),
    work=8e6,
    multiprocessors=4,
    observed={"near_share": np.array([0.5, 0.6])},
)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (cycles(per="hop"), [30.0, 31.0]),
        (seconds(), [0.001, 0.002]),
        (rate(unit="op/s"), [8e9, 4e9]),
        (bandwidth(), [8e9, 4e9]),
        (bandwidth_per_clock(), [2.0, 0.5]),
        (observed(name="near_share", unit="1"), [0.5, 0.6]),
    ],
    ids=lambda m: getattr(m, "name", ""),
)
def test_each_sample_gives_one_value(metric, expected) -> None:
    assert metric.reduce(SAMPLES) == pytest.approx(expected)


def test_a_metric_under_another_name_is_the_same_otherwise() -> None:
    wire = bandwidth().called("bandwidth_wire")
    assert (wire.name, wire.unit, wire.better) == ("bandwidth_wire", "B/s", "higher")
