"""The same probes over a network whose latency and bandwidth are known: what the fit makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from emulated_ranks import SIZES, asserts_times, fastest, hosts, probe, usual

from gridstone.declaration import Machine, cell
from gridstone.fit.piecewise import regimes
from gridstone.worker import Crew, Visit

DELAY, RATE = 4e-3, 200e6


@pytest.fixture(scope="module")
def network(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crew]:
    with hosts(machine, tmp_path_factory.mktemp("network"), DELAY, RATE) as crew:
        yield crew


@asserts_times
def test_latency_and_bandwidth_are_recovered(network: Crew) -> None:
    latency = probe("pingpong", "latency")
    times = np.array([fastest(network, latency, memory="host", bytes=size) for size in SIZES])
    found = regimes(np.array(SIZES, dtype=float), times)
    assert found[0].latency == pytest.approx(DELAY, rel=0.10)
    assert found[-1].bandwidth == pytest.approx(RATE / 8, rel=0.10)


@asserts_times
@pytest.mark.parametrize(
    ("collective", "ranks", "latencies"), [("broadcast", 2, 1), ("reduce", 3, 1), ("broadcast", 4, 2)]
)
def test_no_collective_is_done_before_its_messages_can_be(
    network: Crew, collective: str, ranks: int, latencies: int
) -> None:
    """All ranks begin at one moment: what was sent before the last of them began would hide a latency."""
    native = probe("collective", "native")
    found = usual(network, native, memory="host", collective=collective, ranks=ranks, bytes=256)
    assert found == pytest.approx(latencies * DELAY, rel=0.10)


@pytest.mark.parametrize(
    ("family", "name", "axes"),
    [
        ("pingpong", "latency", {"memory": "host"}),
        *(("collective", "allreduce", {"algorithm": a, "ranks": 4}) for a in ("star", "ring")),
    ],
)
def test_ranks_on_several_hosts_give_right_results(network: Crew, family: str, name: str, axes: dict[str, Any]) -> None:
    asked = cell(probe(family, name), {"library": "mpich", "tier": "network", "bytes": 4096, **axes}, "source")
    visit = network.visit(asked, 1)
    assert isinstance(visit, Visit), visit
    assert visit.taken.verified is True


def test_hosts_are_told_apart(network: Crew) -> None:
    failure = network.visit(
        cell(
            probe("pingpong", "latency"), {"library": "mpich", "memory": "host", "tier": "node", "bytes": 8}, "source"
        ),
        1,
    )
    assert getattr(failure, "reason", "") == "needs 2 ranks on one host, there are 1"
