"""collective_time and transfer_time of several GPUs, fitted to runs of a machine whose laws are known."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fitted_machine import geometric, write_run

import gridstone.model
from gridstone.collectives import BUS
from gridstone.errors import UsageError
from gridstone.fit import fit
from gridstone.model import HardwareModel, OutOfDomain

REFERENCE = Path(__file__).parents[2] / "results/reference"
SIZES = geometric(8, 1 << 31, 1)
LINK = 380e9
FLOOR = {"LL": (7e-6, 0.33), "LL128": (9e-6, 0.9), "Simple": (16e-6, 1.0)}
TIERS = {"nvlink": 1.0, "network": 8.0}


def collective(name: str, ranks: int, size: float, protocol: str = "", slower: float = 1.0) -> float:
    """The fastest protocol's latency and share of the link, unless one is told."""
    told = [FLOOR[protocol]] if protocol else FLOOR.values()
    return min(
        slower * (latency * np.log2(ranks) + BUS[name](ranks) * size / (share * LINK)) for latency, share in told
    )


def peer(size: float, ways: int = 1) -> float:
    return 2.2e-6 + size / (0.8 * LINK) * (1.05 if ways == 2 else 1.0)


def _cells() -> dict[str, list[tuple[Any, str, str, float]]]:
    ranks = (2, 4, 8)
    return {
        "nccl/collective": [
            ({"tier": tier, "collective": c, "ranks": r, "bytes": n}, "time", "s", collective(c, r, n, slower=slower))
            for (tier, slower), c, r, n in itertools.product(TIERS.items(), BUS, ranks, SIZES)
        ],
        "nccl/forced": [
            (
                {"tier": "nvlink", "collective": "allreduce", "algorithm": a, "protocol": p, "ranks": 2, "bytes": n},
                "time",
                "s",
                collective("allreduce", 2, n, p, f),
            )
            for (a, f), p, n in itertools.product((("ring", 1.0), ("tree", 1.2)), FLOOR, SIZES)
        ],
        "nccl/send": [({"tier": "nvlink", "bytes": n}, "time", "s", peer(n)) for n in SIZES],
        "nccl/ring": [
            ({"tier": "nvlink", "direction": d, "ranks": 2, "bytes": n}, "time", "s", w * peer(n))
            for (d, w), n in itertools.product((("one", 1), ("both", 2)), SIZES)
        ],
        "peer/copy": [
            (
                {"method": m, "direction": d, "src": s, "dst": t, "bytes": n},
                "bandwidth",
                "B/s",
                w * n / (f * peer(n, w)),
            )
            for (m, f), (d, w), (s, t), n in itertools.product(
                (("engine", 1.0), ("read", 1.1)), (("one", 1), ("both", 2)), ((0, 1), (1, 0)), SIZES[:-1]
            )
            if d == "one" or s < t
        ],
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> HardwareModel:
    place = tmp_path_factory.mktemp("gpus")
    run = write_run(place / "run", _cells())
    fit([run], place / "model")
    return gridstone.model.load(place / "model")


@pytest.mark.parametrize("function", ["collective_time", "transfer_time"])
def test_held_out_cells_above_64_kib_are_within_four_per_cent(model: HardwareModel, function: str) -> None:
    for law in model.function(function).laws:
        assert law.quality["random"]["median"] < 0.04, law.keys


@pytest.mark.parametrize("name", BUS)
def test_collectives_between_the_cells(model: HardwareModel, name: str) -> None:
    for ranks, size in ((2, 3 << 20), (4, 100_000), (8, 700 << 20)):
        found = model.collective_time(collective=name, library="nccl", tier="nvlink", ranks=ranks, bytes=size)
        assert found.value == pytest.approx(collective(name, ranks, size), rel=0.06)


def test_forced_algorithms_and_protocols_have_laws_of_their_own(model: HardwareModel) -> None:
    for (algorithm, slower), protocol in itertools.product((("ring", 1.0), ("tree", 1.2)), FLOOR):
        found = model.collective_time(
            collective="allreduce", library="nccl", tier="nvlink", algorithm=algorithm, protocol=protocol, bytes=5 << 20
        )
        assert found.value == pytest.approx(collective("allreduce", 2, 5 << 20, protocol, slower), rel=0.06)
    with pytest.raises(UsageError, match="ring/LL12"):
        model.collective_time(
            collective="allreduce", library="nccl", tier="nvlink", algorithm="ring", protocol="LL12", bytes=64
        )


def test_hosts_of_several_gpus_are_composed_of_both_tiers(model: HardwareModel) -> None:
    size, hosts, within = 64 << 20, 4, 8
    found = model.collective_time(
        collective="allreduce", library="nccl", tier="network", ranks=hosts, per_node=within, within="nvlink",
        bytes=size,
    )  # fmt: skip
    expected = (
        collective("reduce_scatter", within, size)
        + collective("allreduce", hosts, size / within, slower=TIERS["network"])
        + collective("allgather", within, size)
    )
    assert found.value == pytest.approx(expected, rel=0.05)


def test_messages_and_rings(model: HardwareModel) -> None:
    sent = model.collective_time(collective="send", library="nccl", tier="nvlink", bytes=3 << 20)
    assert sent.value == pytest.approx(peer(3 << 20), rel=0.05)
    both = model.collective_time(collective="ring", library="nccl", tier="nvlink", algorithm="both", bytes=3 << 20)
    assert both.value == pytest.approx(2 * peer(3 << 20), rel=0.05)
    with pytest.raises(OutOfDomain):
        model.collective_time(collective="ring", library="nccl", tier="nvlink", algorithm="one", ranks=4, bytes=64)


def test_copies_to_a_peer(model: HardwareModel) -> None:
    one = model.transfer_time(src="gpu1", dst="gpu0", bytes=3 << 20)
    assert one.value == pytest.approx(peer(3 << 20), rel=0.05)
    read = model.transfer_time(src="gpu0", dst="gpu1", bytes=3 << 20, method="read")
    assert read.value == pytest.approx(1.1 * peer(3 << 20), rel=0.05)
    there, back = (
        model.transfer_time(src=a, dst=b, bytes=3 << 20, duplex=True) for a, b in (("gpu0", "gpu1"), ("gpu1", "gpu0"))
    )
    assert there == back
    assert there.value == pytest.approx(peer(3 << 20, 2), rel=0.05)
    with pytest.raises(UsageError, match="src=device dst=device"):
        model.transfer_time(src="gpu0", dst="gpu0", bytes=64)
    with pytest.raises(UsageError, match="gpu2"):
        model.transfer_time(src="gpu0", dst="gpu2", bytes=64)


def test_a_multiplication_beside_an_all_reduce(tmp_path: Path) -> None:
    cells = [
        (
            {"split": s, "blocks": b, "ranks": r, "bytes": 64 << 20, "tier": "nvlink"},
            metric,
            "1",
            f * (1 + s / 400) * (1 + b / 8) * (1.0 if r == 2 else 1.1),
        )
        for s, b, r, (metric, f) in itertools.product(
            (25, 50, 75, 88, 100), (0, 8), (2, 4), (("slowdown", 1.0), ("slowdown_beside", 1.2))
        )
    ]
    fit([write_run(tmp_path / "run", {"nccl/beside": cells})], tmp_path / "model")
    model = gridstone.model.load(tmp_path / "model")
    for ranks, slower in ((2, 1.0), (4, 1.1), (None, 1.1)):
        for split in (60, 100):
            found = model.corun(kind="tensor", beside="allreduce", split=split, ranks=ranks)
            assert found.value == pytest.approx(slower * (1 + split / 400), rel=0.03)
        back = model.corun(kind="allreduce", beside="tensor", split=25, ranks=ranks)
        assert back.value == pytest.approx(slower * 1.2 * 1.1875, rel=0.03)
    with pytest.raises(OutOfDomain):
        model.corun(kind="allreduce", beside="tensor", split=5)
    with pytest.raises(OutOfDomain, match="ranks=8 is outside what was measured"):
        model.corun(kind="allreduce", beside="tensor", split=25, ranks=8)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("four")
    fit([REFERENCE / "nvidia-h100-x4"], place)
    return place


@pytest.mark.parametrize(("function", "cells"), [("collective_time", 300), ("transfer_time", 100)])
def test_of_four_h100s_cells_above_64_kib_are_held_out_within_four_per_cent(
    four: Path, function: str, cells: int
) -> None:
    held = pq.read_table(four / "holdout.parquet").to_pandas()
    held = held[(held["function"] == function) & (held["kind"] == "random")]
    axes = pd.DataFrame([json.loads(text) for text in held["axes"]], index=held.index)
    wrong = (held["predicted"] / held["measured"] - 1).abs()[axes["bytes"] > 64 << 10]
    assert len(wrong) > cells
    assert wrong.median() < 0.04
    if "ranks" in axes:
        of_four = wrong[axes["ranks"] == 4]
        assert len(of_four) > 100 and of_four.median() < 0.04


def test_of_four_h100s_what_a_multiplication_loses_is_told_by_number_of_gpus(four: Path) -> None:
    model = gridstone.model.load(four)
    slower = [model.corun(kind="tensor", beside="allreduce", split=88, ranks=ranks).value for ranks in (2, 4)]
    assert slower == pytest.approx([1.692, 1.849], rel=0.02)
