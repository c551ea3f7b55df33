"""Which algorithm of an all-reduce is the fastest over a network, measured and as the fit of messages says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emulated_ranks import SIZES, asserts_times, fastest, hosts, probe

from gridstone.declaration import Machine
from gridstone.fit.piecewise import regimes

# What an all-reduce of four ranks takes by each algorithm: so many latencies, and so many times its bytes over the link
# out of the host that sends the most (the switch shapes what leaves a host).
_COSTS = {"star": (2, 4.0), "tree": (4, 4.0), "ring": (6, 1.5)}


@asserts_times
@pytest.mark.parametrize(("delay", "rate"), [(4e-3, 200e6), (2e-3, 400e6), (8e-3, 100e6)])
def test_algorithms_cross_where_the_fit_of_messages_says(
    machine: Machine, tmp_path: Path, delay: float, rate: float
) -> None:
    """The star is the fastest of small ones and the ring of large ones, on either side of the predicted size."""
    with hosts(machine, tmp_path, delay, rate) as crew:
        latency, allreduce = probe("pingpong", "latency"), probe("collective", "allreduce")
        sizes = np.array(SIZES, dtype=float)
        found = regimes(sizes, np.array([fastest(crew, latency, memory="host", bytes=size) for size in SIZES]))
        one_way, per_byte = found[0].latency, 1 / found[-1].bandwidth
        assert (one_way, 8 / per_byte) == pytest.approx((delay, rate), rel=0.10)
        (a, b), (c, d) = _COSTS["star"], _COSTS["ring"]
        crossing = one_way * (c - a) / (b - d) / per_byte
        for factor, order in ((0.25, ["star", "tree", "ring"]), (4.0, ["ring", "star", "tree"])):
            size = round(factor * crossing / 256) * 256
            measured = {name: fastest(crew, allreduce, algorithm=name, ranks=4, bytes=size) for name in _COSTS}
            predicted = {name: n * one_way + m * size * per_byte for name, (n, m) in _COSTS.items()}
            assert sorted(measured, key=measured.__getitem__) == order, (factor, measured, predicted)
            assert sorted(predicted, key=predicted.__getitem__) == order
