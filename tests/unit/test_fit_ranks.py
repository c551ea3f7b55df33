"""collective_time, pack_time and variability, fitted to runs of a machine whose laws are known."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fitted_machine import geometric, write_run

import gridstone.model
from gridstone.errors import UsageError
from gridstone.fit import collective, fit
from gridstone.model import HardwareModel, OutOfDomain
from gridstone.store import Row
from gridstone.store.schema import table

LATENCY, EAGER, RENDEZVOUS, SWITCH = 1.2e-6, 4e9, 12e9, 16384
PLACE = {"library": "mpich", "tier": "node"}
FAR = {"library": "mpich", "tier": "network"}


def message(size: float) -> float:
    """Eager up to 16 KiB, then a handshake and a faster way."""
    return LATENCY + size / EAGER if size <= SWITCH else 5 * LATENCY + size / RENDEZVOUS


def over_ranks(ranks: int, size: float, factor: float) -> float:
    """A tree's latency and a ring's bandwidth."""
    return factor * (2 * LATENCY * np.log2(ranks) + 2 * (ranks - 1) / ranks * size / RENDEZVOUS)


def packing(dims: int, stride: int, block: int, size: int) -> float:
    """A call, a cost per block and the bytes."""
    return 2e-7 * dims + size / block * (1e-9 + stride * 1e-12) + size / 10e9


def _cells() -> dict[str, list[tuple[Any, str, str, float]]]:
    grid = list(itertools.product([2, 4, 8], geometric(64, 1 << 20, 1)))
    names = ("allreduce", "allgather", "reduce_scatter")
    return {
        "pingpong/latency": [
            ({"library": "mpich", "memory": memory, "tier": tier, "bytes": n}, "time", "s", added + message(n))
            for memory, tier, added in (("host", "node", 0.0), ("device", "gpu", 2e-4), ("device", "node", 8e-5))
            for n in geometric(1, 1 << 22, 1)
        ],
        "collective/native": [
            ({**place, "collective": name, "ranks": r, "bytes": n}, "time", "s", over_ranks(r, n, factor))
            for place, factor in ((PLACE, 1.0), (FAR, 10.0))
            for name in names
            for r, n in grid
        ],
        "collective/allreduce": [
            ({**PLACE, "algorithm": a, "ranks": r, "bytes": n}, "time", "s", over_ranks(r, n, f))
            for a, f in (("ring", 1.1), ("tree", 1.4))
            for r, n in grid
        ],
        "collective/ring": [
            ({**PLACE, "direction": "one", "ranks": 2, "bytes": n}, "time", "s", message(n)) for n in (64, 256, 1024)
        ],
        "collective/barrier": [({**PLACE, "ranks": r}, "time", "s", LATENCY * np.log2(r)) for r in (2, 4, 8)],
        "datatype/host": [
            (
                {"method": "numpy", "direction": "pack", "dims": d, "stride": s, "block": b, "bytes": n},
                "time",
                "s",
                packing(d, s, b, n),
            )
            for d, s, b, n in itertools.product([2, 3], [128, 1024], [1, 8, 64], geometric(1 << 12, 1 << 21, 1))
        ],
    }  # fmt: skip


def _varied(folder: Path) -> None:
    """Repeated collectives that scatter, over MPI and NCCL, and again with a rank that is held up on purpose."""
    rng = np.random.default_rng(1)
    for family, place in (("collective", PLACE), ("nccl", {"tier": "nvlink"})):
        found = []
        for delay, scatter in ((0.0, 0.3), (1e-3, 3.0)):
            samples = rng.lognormal(np.log(10e-6), scatter, 4000)
            axes = {**place, "collective": "allreduce", "ranks": 2, "bytes": 8192, "delay": delay}
            row = Row(
                run_id="run-node1-None-0", probe=f"{family}/variability", cell_id=f"{family}{delay}", metric="time",
                unit="s", better="lower", axes=axes, status="ok", value=10e-6, lo=9.9e-6, hi=10.1e-6, n=samples.size,
                samples=samples.tolist(), device="Test CPU", host="node1",
            )  # fmt: skip
            found.append(row)
        (folder / family).mkdir(exist_ok=True)
        pq.write_table(table(found), folder / family / "variability.parquet")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HardwareModel:
    place = tmp_path_factory.mktemp("ranks")
    run = write_run(place / "run", _cells(), device=None, uuid=None)
    _varied(run)
    fit([run], place / "model")
    return gridstone.model.load(place / "model")


def test_messages_follow_their_protocols(model: HardwareModel) -> None:
    law = model.function("collective_time").law(collective="send", algorithm="native", **PLACE)
    first, last = law.parameters["protocols"][0], law.parameters["protocols"][-1]
    assert first["latency"] == pytest.approx(LATENCY, rel=0.1)
    assert last["bandwidth"] == pytest.approx(RENDEZVOUS, rel=0.1)
    assert law.parameters["switches"] == [pytest.approx(SWITCH * 2**0.5, rel=0.01)]
    found = model.collective_time(collective="send", library="mpich", bytes=3000)
    assert found.value == pytest.approx(message(3000), rel=0.05)


@pytest.mark.parametrize(("tier", "added"), [("gpu", 2e-4), ("gpus", 8e-5)])
def test_messages_in_device_memory_have_tiers_of_their_own(model: HardwareModel, tier: str, added: float) -> None:
    found = model.collective_time(collective="send", library="mpich", tier=tier, bytes=3000)
    assert found.value == pytest.approx(added + message(3000), rel=0.05)


@pytest.mark.parametrize(("algorithm", "factor"), [("native", 1.0), ("ring", 1.1), ("tree", 1.4)])
def test_collectives_between_the_cells(model: HardwareModel, algorithm: str, factor: float) -> None:
    for ranks, size in ((2, 5000), (3, 5000), (8, 700_000)):
        found = model.collective_time(
            collective="allreduce", library="mpich", algorithm=algorithm, ranks=ranks, bytes=size
        )
        assert found.value == pytest.approx(over_ranks(ranks, size, factor), rel=0.06)
        assert found.in_domain


def test_hosts_with_several_ranks_are_composed(model: HardwareModel) -> None:
    found = model.collective_time(
        collective="allreduce", library="mpich", tier="network", ranks=4, per_node=8, bytes=1 << 19
    )
    parts = 2 * over_ranks(8, 1 << 19, 1.0) + over_ranks(4, 1 << 16, 10.0)
    assert found.value == pytest.approx(parts, rel=0.02)
    assert found.lo < parts < found.hi and found.in_domain


def test_what_cannot_be_asked_is_refused(model: HardwareModel) -> None:
    ask = {"library": "mpich"}
    with pytest.raises(UsageError, match="needs bytes="):
        model.collective_time(collective="allreduce", **ask)
    with pytest.raises(UsageError, match="takes no bytes"):
        model.collective_time(collective="barrier", bytes=8, **ask)
    with pytest.raises(UsageError, match="between 2 ranks"):
        model.collective_time(collective="send", bytes=8, ranks=4, **ask)
    with pytest.raises(UsageError, match="per_node composes"):
        model.collective_time(collective="allgather", bytes=8, per_node=2, tier="network", **ask)
    with pytest.raises(UsageError, match="openmpi is not in this model"):
        model.collective_time(collective="send", library="openmpi", bytes=8)
    with pytest.raises(OutOfDomain, match="ranks=16"):
        model.collective_time(collective="barrier", ranks=16, **ask)


def test_packing_between_the_cells(model: HardwareModel) -> None:
    for dims, stride, block, size in ((2, 128, 8, 1 << 16), (3, 500, 30, 100_000), (2, 1024, 64, 1 << 21)):
        found = model.pack_time(bytes=size, block=block, stride=stride, dims=dims)
        assert found.value == pytest.approx(packing(dims, stride, block, size), rel=0.25)  # steps of 8 in the block


@pytest.mark.parametrize("kind", ["allreduce/mpich/node", "allreduce/nccl/nvlink"])
def test_quantiles_of_repeated_operations(model: HardwareModel, kind: str) -> None:
    ask = {"kind": kind}
    usual = model.variability(quantile=0.5, **ask)
    rare = model.variability(quantile=0.99, **ask)
    assert usual.value == pytest.approx(1.0, rel=0.01)
    assert rare.value == pytest.approx(np.exp(0.3 * 2.326), rel=0.05)
    assert rare.lo < np.exp(0.3 * 2.326) < rare.hi and rare.unit == "1"
    of_ten = model.variability(quantile=0.9, n=10, **ask)
    assert of_ten.value == pytest.approx(model.variability(quantile=0.9**0.1, **ask).value)
    with pytest.raises(OutOfDomain):
        model.variability(quantile=0.99999, **ask)
    with pytest.raises(UsageError, match="between 0 and 1"):
        model.variability(quantile=1.0, **ask)


def test_protocols_are_those_of_undisturbed_messages() -> None:
    """Other processes take the core of one sample in two, for as long again: the medians are off, the link is not."""
    rng = np.random.default_rng(2)
    sizes = geometric(64, 1 << 20, 1)
    taken = [(1e-3 + n / 50e6) * (1 + 0.01 * rng.random(30) + (rng.random(30) < 0.6)) for n in sizes]
    frame = pd.DataFrame(
        {
            **FAR, "probe": "pingpong/latency", "metric": "time", "unit": "s",
            "status": "ok", "memory": "host", "bytes": sizes, "value": [float(np.median(one)) for one in taken],
            "samples": [one.tolist() for one in taken], "run_id": "r", "device_uuid": None, "host": "node1",
            "cell_id": [str(n) for n in sizes],
        }
    )  # fmt: skip
    frame = frame.assign(lo=frame["value"], hi=frame["value"])
    (law,) = collective.sought(frame)
    (one,) = law.parameters["protocols"]
    assert (one["latency"], one["bandwidth"]) == pytest.approx((1e-3, 50e6), rel=0.03)
    assert law.cells["value"].tolist() == frame["value"].tolist()
