"""Ranks on emulated hosts, as the tests of the network use them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import emulated
import needing
import numpy as np
import pytest

from gridstone import content
from gridstone.declaration import Machine, Probe, cell
from gridstone.worker import Crew, Visit

_VISITS = 6
SIZES = (8, 512, 1 << 16, 1 << 18, 1 << 20)
# Two cores for four hosts and their switch: a test that runs beside this one would be in the times.
asserts_times = pytest.mark.skipif(
    "GRIDSTONE_ASSERT_TIMES" not in os.environ, reason="asserts times: set GRIDSTONE_ASSERT_TIMES=1 on a quiet machine"
)


@contextmanager
def hosts(machine: Machine, folder: Path, delay: float, rate: float) -> Iterator[Crew]:
    """Ranks on four emulated hosts, one each."""
    needing.mpich_and(emulated.missing())
    with emulated.hosts(4, rate, delay) as names, pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRIDSTONE_MPI_LAUNCH", emulated.launch(names))
        patch.setenv("GRIDSTONE_MPI_ADDRESS", emulated.MANAGER)
        patch.setenv("GRIDSTONE_MPI_RANKS", "4")
        patch.setenv("UCX_TLS", "tcp,self")
        patch.setenv("UCX_NET_DEVICES", "eth0")
        with Crew(machine=machine, log_dir=folder) as crew:
            yield crew


def probe(family: str, name: str) -> Probe:
    found: Probe = getattr(content.load_module(content.folder("bench") / f"{family}.py"), name)
    return found


def usual(crew: Crew, of: Probe, **axes: Any) -> float:
    """The lower quintile: in the median is what else this machine does, and the least may have begun without a rank."""
    return float(np.quantile(_sampled(crew, of, **axes), 0.2))


def fastest(crew: Crew, of: Probe, **axes: Any) -> float:
    """The least of the samples of some visits: the hosts share this machine's cores with all else that it does."""
    return float(_sampled(crew, of, **axes).min())


def _sampled(crew: Crew, of: Probe, **axes: Any) -> Any:
    asked = cell(of, {"library": "mpich", "tier": "network", **axes}, "source")
    found = []
    for _ in range(_VISITS):
        visit = crew.visit(asked, 5)
        assert isinstance(visit, Visit), visit
        assert visit.taken.verified is True
        found.append(visit.taken.samples.seconds)
    return np.concatenate(found)
