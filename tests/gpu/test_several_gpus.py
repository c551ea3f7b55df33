"""Several real GPUs: what is measured among them is right, within its limit, and what it is called."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from gridstone.collectives import BUS
from gridstone.topology import gpu_count

pytestmark = pytest.mark.skipif(gpu_count() < 2, reason="needs several GPUs")
Measure = Callable[..., pd.DataFrame]


@pytest.fixture(scope="module")
def peers(measure: Measure) -> pd.DataFrame:
    return measure("peer/*", "-a", "peer/copy.bytes=64KiB,256MiB", "--profile", "quick")


@pytest.fixture(scope="module")
def collectives(measure: Measure) -> pd.DataFrame:
    return measure("nccl/collective", "nccl/forced", "-a", "bytes=4KiB,256MiB", "--profile", "standard")


def test_every_transfer_is_verified_and_within_its_limit(peers: pd.DataFrame) -> None:
    assert set(peers["status"]) == {"ok"}, peers[["probe", "status", "reason"]].drop_duplicates().to_string()
    assert peers["verified"].all()
    bandwidths = peers[(peers["metric"] == "bandwidth") & peers["probe"].isin(["peer/copy", "peer/pairs"])]
    assert bandwidths["limit"].notna().all()
    large = bandwidths[bandwidths["bytes"] == 256 << 20]
    assert (large["value"] > 0.5 * large["limit"]).all()


def test_both_ways_at_once_carry_more_than_one(peers: pd.DataFrame) -> None:
    copies = peers[(peers["probe"] == "peer/copy") & (peers["metric"] == "bandwidth") & (peers["bytes"] == 256 << 20)]
    best = copies.groupby(["method", "direction"])["value"].max().unstack()
    assert (best["both"] > 1.5 * best["one"]).all()


def test_a_load_from_a_peers_l2_comes_sooner_than_one_from_its_memory(measure: Measure) -> None:
    chosen = ("peer/latency.footprint=2MiB,256MiB", "peer/latency.src=0", "peer/latency.dst=1")
    found = measure("peer/latency", *(word for axis in chosen for word in ("-a", axis)), "--profile", "quick")
    cycles = found[found["metric"] == "latency"].set_index("footprint")["value"]
    assert cycles[256 << 20] > cycles[2 << 20] + 100


def test_collectives_are_exact_and_large_ones_fill_the_link(collectives: pd.DataFrame) -> None:
    assert set(collectives["status"]) == {"ok"}, collectives[["reason"]].drop_duplicates().to_string()
    assert collectives["verified"].all()
    bus = collectives[(collectives["probe"] == "nccl/collective") & (collectives["metric"] == "bandwidth_bus")]
    large = bus[bus["bytes"] == 256 << 20].set_index("collective")
    assert set(large.index) == set(BUS)
    assert large["limit"].notna().all()
    assert (large["value"] > 0.4 * large["limit"]).all(), large[["ranks", "value", "limit", "limit_kind"]].to_string()


def test_a_forced_protocol_is_the_one_that_is_used(collectives: pd.DataFrame) -> None:
    """Every word of LL carries a flag as wide as itself: it is far slower than Simple on large arrays."""
    time = collectives[(collectives["probe"] == "nccl/forced") & (collectives["metric"] == "time")]
    among_all = time["ranks"] == time["ranks"].max()
    ring = time[among_all & (time["algorithm"] == "ring") & (time["bytes"] == 256 << 20)].set_index("protocol")["value"]
    assert ring["LL"] > 1.5 * ring["Simple"]
