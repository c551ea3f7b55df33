"""Ranks on the GPU: what they exchange is right, and what MPI cannot do with device memory is said, not suffered."""

from __future__ import annotations

from typing import Any

import pytest

from gridstone import ranks

pytestmark = pytest.mark.skipif(not ranks.installations(), reason="needs MPI: pip install 'gridstone[mpi]'")
_LIBRARIES = ",".join(ranks.installations())


def test_two_ranks_on_one_gpu_exchange_a_halo(measure: Any) -> None:
    rows = measure(
        "halo", "--profile", "quick", "-a", "halo/exchange.memory=device", "-a", "halo/exchange.tier=gpu",
        "-a", "halo/exchange.method=one_shot,staged", "-a", f"halo/exchange.library={_LIBRARIES}",
        "-a", "halo/exchange.count=16,64",
    )  # fmt: skip
    times = rows[rows["metric"] == "time"]
    assert len(times) == 4 * len(_LIBRARIES.split(","))
    assert times["status"].tolist() == ["ok"] * len(times), times["reason"].tolist()
    assert times["verified"].all()


def test_blocks_arrive_by_every_method_that_works(measure: Any) -> None:
    rows = measure(
        "pingpong/strided", "--profile", "quick", "-a", "pingpong/strided.tier=gpu",
        "-a", f"pingpong/strided.library={_LIBRARIES}", "-a", "pingpong/strided.bytes=4KiB,1MiB",
    )  # fmt: skip
    times = rows[rows["metric"] == "time"]
    by_host = times[times["method"] != "device"]
    assert by_host["status"].tolist() == ["ok"] * len(by_host), by_host["reason"].tolist()
    assert by_host["verified"].all()
    other = times[(times["method"] == "device") & (times["status"] != "ok")]
    assert set(other["status"]) <= {"skipped"}
    assert all("knows no CUDA" in reason or "of GPU memory do not work" in reason for reason in other["reason"])


def test_collectives_of_device_memory_work_or_are_skipped_with_the_reason(measure: Any) -> None:
    rows = measure(
        "collective/native", "--profile", "quick", "-a", "collective/native.tier=gpu,node",
        "-a", "collective/native.memory=host,device", "-a", f"collective/native.library={_LIBRARIES}",
        "-a", "collective/native.bytes=2KiB",
    )  # fmt: skip
    times = rows[rows["metric"] == "time"]
    assert (times.loc[times["memory"] == "host", "status"] == "ok").all()
    for row in times[times["memory"] == "device"].itertuples():
        assert row.status == "ok" or (row.status == "skipped" and row.reason), row.reason
