"""What the curves of a real GPU say of its caches, against its architecture; atomics, fences and barriers verified."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from gridstone.device import discover
from gridstone.report.caches import Finding, findings


@pytest.fixture(scope="module")
def found(measure: Callable[..., pd.DataFrame]) -> dict[str, Finding]:
    rows = measure("cache", "--profile", "standard")
    bad = rows[~rows["status"].isin(["ok", "throttled", "skipped"])]
    assert bad.empty, bad[["probe", "status", "reason"]].drop_duplicates().to_string()
    return {one.quantity: one for one in findings(rows)}


def test_lines_and_sectors_are_those_of_every_architecture_since_volta(found: dict[str, Finding]) -> None:
    assert found["cache_line"].value == 128
    assert found["sector"].value == 32


def test_l1_and_shared_memory_share_256_kib_on_hopper(found: dict[str, Finding]) -> None:
    machine = discover()
    if machine.gpu is None or machine.gpu.compute_capability != (9, 0):
        pytest.skip("another architecture divides another size")
    assert 224 << 10 <= found["l1_size"].value <= 256 << 10
    assert found["l1_size_100"].lo <= 28 << 10 <= found["l1_size_100"].hi


def test_all_sms_find_again_what_half_of_l2_holds(found: dict[str, Finding]) -> None:
    size, near = found["l2_size"], found["l2_segment_size"]
    assert near.value <= size.value
    assert near.confidence is not None and near.confidence > 0.5
    if size.driver is not None and "l2_reach" in found:  # two halves
        assert near.lo <= size.driver / 2 <= near.hi
        assert found["l2_reach"].lo <= size.driver <= found["l2_reach"].hi


def test_l2_is_no_larger_than_the_driver_says(found: dict[str, Finding]) -> None:
    size = found["l2_size"]
    assert size.driver is not None and 0.5 * size.driver <= size.value <= size.driver


def test_what_meets_is_verified_and_within_its_limits(measure: Callable[..., pd.DataFrame]) -> None:
    rows = measure("contention", "--profile", "quick")
    bad = rows[~rows["status"].isin(["ok", "throttled", "skipped"])]
    assert bad.empty, bad[["probe", "status", "reason"]].drop_duplicates().to_string()
    loads = rows[(rows["probe"] == "contention/strided_latency") & (rows["source"] == "shared") & (rows["vector"] == 4)]
    by_stride = loads.set_index("stride")["value"]
    assert by_stride[128] > by_stride[8] > by_stride[4]
