"""What connects the SMs of a real GPU: the model of pairs and what does not move it, and copies by the copy engine."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from gridstone.report.pairwise import held_out, matrix_of
from gridstone.report.select import best, measured

Measure = Callable[..., pd.DataFrame]
pytestmark = pytest.mark.timeout(900)  # the standard profile of four families is in the first test

FAMILIES = ("dsm", "tma", "cache", "contention")
# A CUDA context has its own values: half the GPCs are up to 150 cycles further from something than the other half.
OF_THE_CONTEXT = ("contention/fence_system",)
NOTHING_TO_BE_HAD = "this SM meets fewer than"


@pytest.fixture(scope="module")
def fabric(measure: Measure) -> pd.DataFrame:
    rows = measure(*FAMILIES, "--profile", "standard")
    if (rows["status"] == "skipped").groupby(rows["probe"]).all().get("dsm/throughput", True):
        pytest.skip("no clusters and no copy engine before compute capability 9.0")
    return rows


def test_every_cell_is_verified_and_within_its_limit(fabric: pd.DataFrame) -> None:
    bad = fabric[~fabric["status"].isin(["ok", "throttled", "skipped"])]
    assert bad.empty, bad[["probe", "status", "reason"]].drop_duplicates().to_string()
    skipped = fabric[(fabric["status"] == "skipped") & ~fabric["reason"].str.startswith(NOTHING_TO_BE_HAD, na=False)]
    assert skipped.empty, skipped[["probe", "reason"]].drop_duplicates().to_string()


def test_every_latency_is_known_within_half_a_cycle(fabric: pd.DataFrame) -> None:
    latencies = fabric[fabric["unit"].str.startswith("cycle") & fabric["value"].notna()]
    latencies = latencies[~latencies["probe"].isin(OF_THE_CONTEXT)]
    half = (latencies["hi"] - latencies["lo"]) / 2
    wide = latencies.assign(half=half)[half > 0.5].groupby(["probe", "metric"])["half"].describe()
    assert wide.empty, wide.to_string()


def test_the_pairs_of_sms_are_additive(fabric: pd.DataFrame) -> None:
    matrix = matrix_of(fabric[fabric["probe"] == "dsm/latency_pair"])
    assert matrix is not None
    quality = held_out(matrix)
    assert quality is not None and quality[0] >= 0.99 and quality[1] <= 1.0


@pytest.mark.parametrize("method", ["repeat", "sizes", "half", "throttled"])
def test_neither_placement_nor_throttling_moves_the_pair_model(fabric: pd.DataFrame, method: str) -> None:
    found = {
        metric: measured(fabric, "dsm/pair_model", metric, method=method)["value"].iloc[0]
        for metric in ("latency", "interval_level", "within_share", "pairs")
    }
    assert found["pairs"] > 0
    assert found["latency"] <= found["interval_level"]
    assert found["within_share"] >= 0.95


def test_the_throttled_sweep_ran_at_a_lower_clock(fabric: pd.DataFrame) -> None:
    clock = measured(fabric, "dsm/pair_model", "clock").set_index("method")["value"]
    if clock["throttled"] >= 0.99 * clock["repeat"]:
        pytest.skip("this GPU did not slow itself")
    model = measured(fabric, "dsm/pair_model", "latency", method="throttled")
    assert (model["status"] == "ok").all()


def test_bulk_copies_read_as_fast_as_threads_do(fabric: pd.DataFrame, measure: Measure) -> None:
    plain = best(
        measured(measure("bandwidth/dram", "--profile", "quick"), "bandwidth/dram", "bandwidth", pattern="read")
    )
    copied = best(measured(fabric, "tma/throughput", "bandwidth", pattern="load", tier="dram"))
    assert plain is not None and copied is not None
    assert copied["hi"] >= plain["lo"]


def test_clusters_read_what_the_network_between_sms_gives(fabric: pd.DataFrame) -> None:
    bandwidth = measured(fabric, "dsm/throughput", "bandwidth")
    two, eight = (best(bandwidth[bandwidth["cluster_size"] == size]) for size in (2, 8))
    assert two is not None and two["value"] >= 4.2e12
    assert eight is not None and eight["value"] >= 3.5e12


def test_each_place_of_a_chain_is_on_another_sm(fabric: pd.DataFrame) -> None:
    """All of them where a block is alone; in clusters of a size as many as ran at once when all of them read."""
    probes = ["contention/fence", "contention/fence_system", "contention/grid_barrier", "dsm/access", "dsm/barrier"]
    sms = fabric[fabric["probe"].isin(probes) & (fabric["metric"] == "sms")]
    alone = sms[sms["probe"].str.startswith("contention/")]
    assert len(alone) and (alone["value"] == alone["value"].max()).all() and (alone["lo"] == alone["hi"]).all()
    held = measured(fabric, "dsm/throughput", "clusters").groupby("cluster_size")["value"].max()
    barriers = sms[(sms["probe"] == "dsm/barrier") & (sms["cluster_size"] > 1)]
    assert len(barriers) and (barriers["value"] == barriers["cluster_size"].map(held)).all()
