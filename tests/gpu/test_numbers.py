"""Numbers of a real GPU against their limits, against each other and against a second method."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

ASKED = (
    "latency/pointer_chase.footprint=16KiB,4MiB,1GiB",
    "latency/pointer_chase.stride=128",
    "latency/shared.footprint=4KiB",
    "latency/readonly.footprint=16KiB",
    "bandwidth/dram.bytes=1GiB",
    "bandwidth/dram.unroll=4",
    "bandwidth/shared.warps=32",
    "bandwidth/l1.warps=32",
    "copy/*.bytes=64B,64MiB",
    "launch/graph.count=1,64",
)


@pytest.fixture(scope="module")
def rows(measure: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    globs = sorted({axis.split(".")[0] for axis in ASKED})
    axes = [word for axis in ASKED for word in ("-a", axis)]
    return measure(*globs, *axes, "--profile", "quick")


def _one(rows: pd.DataFrame, probe: str, metric: str, **axes: object) -> pd.Series:
    chosen = rows[(rows["probe"] == probe) & (rows["metric"] == metric)]
    for name, value in axes.items():
        chosen = chosen[chosen[name] == value]
    assert len(chosen) == 1, chosen
    return chosen.iloc[0]


def test_every_cell_is_verified_and_its_code_checked(rows: pd.DataFrame) -> None:
    bad = rows[~rows["status"].isin(["ok", "throttled"])]
    assert bad.empty, bad[["probe", "status", "reason"]].drop_duplicates().to_string()
    assert rows["verified"].fillna(True).all()
    assert rows.loc[rows["kernel_sha256"].notna(), "sass_ok"].fillna(True).all()


def test_no_value_is_beyond_its_limit(rows: pd.DataFrame) -> None:
    limited = rows[rows["limit"].notna()]
    assert set(limited["probe"]) >= {"bandwidth/dram", "bandwidth/l1", "bandwidth/shared", "copy/host_device"}
    assert (limited["lo"] <= limited["limit"]).all()


def test_the_clock_of_every_kernel_was_seen(rows: pd.DataFrame) -> None:
    seen = rows.loc[rows["probe"].str.startswith(("latency/", "bandwidth/")), "sm_mhz"]
    assert seen.between(300, 3500).all()


def test_levels_of_memory_come_in_their_order(rows: pd.DataFrame) -> None:
    l1, l2, dram = (_one(rows, "latency/pointer_chase", "latency", footprint=f) for f in (16 << 10, 4 << 20, 1 << 30))
    assert 3 * l1["hi"] < l2["lo"] and 1.3 * l2["hi"] < dram["lo"]


def test_cycles_and_seconds_of_a_hop_agree_at_the_clock_seen(rows: pd.DataFrame) -> None:
    for footprint in (16 << 10, 4 << 20, 1 << 30):
        cycles = _one(rows, "latency/pointer_chase", "latency", footprint=footprint)
        seconds = _one(rows, "latency/pointer_chase", "time", footprint=footprint)
        assert cycles["value"] == pytest.approx(seconds["value"] * seconds["sm_mhz"] * 1e6, rel=0.01)


def test_plain_and_read_only_loads_of_l1_cost_the_same(rows: pd.DataFrame) -> None:
    plain = _one(rows, "latency/pointer_chase", "latency", footprint=16 << 10)
    constant = _one(rows, "latency/readonly", "latency", footprint=16 << 10)
    assert constant["value"] == pytest.approx(plain["value"], rel=0.1)


def test_bandwidth_and_time_of_a_copy_are_one_measurement(rows: pd.DataFrame) -> None:
    for direction in ("h2d", "d2h"):
        at = {"direction": direction, "bytes": 64 << 20}
        rate = _one(rows, "copy/host_device", "bandwidth", **at)
        assert rate["value"] * _one(rows, "copy/host_device", "time", **at)["value"] == pytest.approx(
            64 << 20, rel=0.01
        )


def test_mapped_and_pinned_copies_share_one_link(rows: pd.DataFrame) -> None:
    for direction in ("h2d", "d2h"):
        at = {"direction": direction, "bytes": 64 << 20}
        mapped = _one(rows, "copy/mapped", "bandwidth", **at)
        assert 0.3 * mapped["limit"] < mapped["value"]
