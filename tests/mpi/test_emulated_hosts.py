"""The same probes over a network whose latency and bandwidth are known: what the fit makes of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import emulated
import numpy as np
import pytest

from gridstone import content, ranks
from gridstone.declaration import Machine, Probe, cell
from gridstone.fit.piecewise import regimes
from gridstone.worker import Crew, Visit

DELAY, RATE = 4e-3, 200e6
_VISITS = 6
SIZES = (8, 512, 1 << 16, 1 << 18, 1 << 20)
# Two cores for four hosts and their switch: a test that runs beside this one would be in the times.
asserts_times = pytest.mark.skipif(
    "GRIDSTONE_ASSERT_TIMES" not in os.environ, reason="asserts times: set GRIDSTONE_ASSERT_TIMES=1 on a quiet machine"
)


@contextmanager
def _hosts(machine: Machine, folder: Path, delay: float, rate: float) -> Iterator[Crew]:
    """Ranks on four emulated hosts, one each."""
    reason = emulated.missing()
    if reason is not None:
        pytest.skip(reason)
    if "mpich" not in ranks.installations():
        pytest.skip(ranks.absent("mpich", sorted(ranks.installations())))
    pytest.importorskip("mpi4py")
    with emulated.hosts(4, rate, delay) as names, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRIDSTONE_MPI_LAUNCH", emulated.launch(names))
        patch.setenv("GRIDSTONE_MPI_ADDRESS", emulated.MANAGER)
        patch.setenv("GRIDSTONE_MPI_RANKS", "4")
        patch.setenv("UCX_TLS", "tcp,self")
        patch.setenv("UCX_NET_DEVICES", "eth0")
        with Crew(machine=machine, log_dir=folder) as crew:
            yield crew


@pytest.fixture(scope="module")
def network(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with _hosts(machine, tmp_path_factory.mktemp("network"), DELAY, RATE) as crew:
        yield crew


def _probe(family: str, name: str) -> Probe:
    found: Probe = getattr(content.load_module(content.folder("bench") / f"{family}.py"), name)
    return found


def _fastest(crew: Crew, probe: Probe, **axes: Any) -> float:
    """The least of the samples of some visits: the hosts share this machine's cores with all else that it does."""
    asked = cell(probe, {"library": "mpich", "tier": "network", **axes}, "source")
    least = []
    for _ in range(_VISITS):
        visit = crew.visit(asked, 5)
        assert isinstance(visit, Visit), visit
        assert visit.taken.verified is True
        least.append(float(visit.taken.samples.seconds.min()))
    return min(least)


@asserts_times
def test_latency_and_bandwidth_are_recovered(network: Crew) -> None:
    latency = _probe("pingpong", "latency")
    times = np.array([_fastest(network, latency, memory="host", bytes=size) for size in SIZES])
    found = regimes(np.array(SIZES, dtype=float), times)
    assert found[0].latency == pytest.approx(DELAY, rel=0.10)
    assert found[-1].bandwidth == pytest.approx(RATE / 8, rel=0.10)


# What an all-reduce of four ranks takes by each algorithm: so many latencies, and so many times its bytes over the link
# out of the host that sends the most (the switch shapes what leaves a host).
_COSTS = {"star": (2, 4.0), "tree": (4, 4.0), "ring": (6, 1.5)}


@asserts_times
@pytest.mark.parametrize(("delay", "rate"), [(4e-3, 200e6), (2e-3, 400e6), (8e-3, 100e6)])
def test_algorithms_cross_where_the_fit_of_messages_says(
    machine: Machine, tmp_path: Path, delay: float, rate: float
) -> None:
    """The star is the fastest of small ones and the ring of large ones, on either side of the predicted size."""
    with _hosts(machine, tmp_path, delay, rate) as crew:
        latency, allreduce = _probe("pingpong", "latency"), _probe("collective", "allreduce")
        sizes = np.array(SIZES, dtype=float)
        found = regimes(sizes, np.array([_fastest(crew, latency, memory="host", bytes=size) for size in SIZES]))
        one_way, per_byte = found[0].latency, 1 / found[-1].bandwidth
        assert (one_way, 8 / per_byte) == pytest.approx((delay, rate), rel=0.10)
        (a, b), (c, d) = _COSTS["star"], _COSTS["ring"]
        crossing = one_way * (c - a) / (b - d) / per_byte
        for factor, order in ((0.25, ["star", "tree", "ring"]), (4.0, ["ring", "star", "tree"])):
            size = round(factor * crossing / 256) * 256
            measured = {name: _fastest(crew, allreduce, algorithm=name, ranks=4, bytes=size) for name in _COSTS}
            predicted = {name: n * one_way + m * size * per_byte for name, (n, m) in _COSTS.items()}
            assert sorted(measured, key=measured.__getitem__) == order, (factor, measured, predicted)
            assert sorted(predicted, key=predicted.__getitem__) == order


@pytest.mark.parametrize(
    ("family", "name", "axes"),
    [
        ("pingpong", "latency", {"memory": "host"}),
        *(("collective", "allreduce", {"algorithm": a, "ranks": 4}) for a in ("star", "ring")),
    ],
)
def test_ranks_on_several_hosts_give_right_results(network: Crew, family: str, name: str, axes: dict[str, Any]) -> None:
    asked = cell(_probe(family, name), {"library": "mpich", "tier": "network", "bytes": 4096, **axes}, "source")
    visit = network.visit(asked, 1)
    assert isinstance(visit, Visit), visit
    assert visit.taken.verified is True


def test_hosts_are_told_apart(network: Crew, tmp_path: Path) -> None:
    failure = network.visit(
        cell(
            _probe("pingpong", "latency"), {"library": "mpich", "memory": "host", "tier": "node", "bytes": 8}, "source"
        ),
        1,
    )
    assert getattr(failure, "reason", "") == "needs 2 ranks on one host, there are 1"
