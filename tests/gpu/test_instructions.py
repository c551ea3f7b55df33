"""A few cells of each family of instruction units give what the architecture says, on the GPU that runs them."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest

from gridstone.device import discover

ASKED = {
    "pipes/latency": ["function=fma_f32,fma_f64,ex2_f32,add_s32,div_rn_f32,plop3"],
    "pipes/throughput": ["function=fma_f32,fma_f64,ex2_f32,lop3", "warps=32", "ilp=4"],
    "pipes/pair": ["first=fma_f32,add_s32", "second=none,add_s32", "warps=16"],
    "dpx/latency": ["function=viaddmax_s32,vimax_s32_relu,vimax_s32_relu_fused"],
    "dpx/throughput": ["function=viaddmax_s32,vimax_s32_relu_fused", "warps=32"],
    "mma/latency": ["a_type=f16,s8,s4", "acc_type=f32,s32", "m=16", "k=16,32,64"],
    "mma/throughput": ["a_type=f16", "acc_type=f32", "m=16", "k=16", "warps=16", "ilp=4"],
    "wgmma/interval": ["a_type=f16,bf16,tf32,e4m3,e5m2,s8", "acc_type=f32,s32", "tile_n=256", "source=ss"],
    "wgmma/latency": ["a_type=f16", "acc_type=f32", "tile_n=256", "source=ss", "sparse=false"],
    "wgmma/throughput": ["a_type=f16,e4m3,s8", "acc_type=f32,s32", "sparse=false"],
    "fp8/convert": ["function=e4m3_f16,f16_e4m3_f16"],
    "fp8/precision": ["a_type=e4m3,f16", "acc_type=f32"],
    "power/tensor": ["a_type=bf16", "operands=zeros,normal"],
}
HOPPER = {"wgmma", "power"}


@pytest.fixture(scope="module")
def rows(measure: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    axes = [word for probe, given in ASKED.items() for one in given for word in ("-a", f"{probe}.{one}")]
    return measure(*ASKED, *axes)


@pytest.fixture
def hopper() -> None:
    gpu = discover().gpu
    if gpu is None or gpu.compute_capability != (9, 0):
        pytest.skip("what is expected here is Hopper's")


def value(rows: pd.DataFrame, probe: str, metric: str, **axes: object) -> float:
    chosen = rows[(rows["probe"] == probe) & (rows["metric"] == metric)]
    for name, wanted in axes.items():
        chosen = chosen[chosen[name] == wanted]
    assert len(chosen) == 1, chosen
    return float(chosen["value"].iloc[0])


def test_every_cell_is_verified_and_its_code_checked(rows: pd.DataFrame) -> None:
    known = rows[rows["status"] != "skipped"]
    bad = known[~known["status"].isin(["ok", "throttled"])]
    assert bad.empty, bad[["probe", "status", "reason"]].drop_duplicates().to_string()
    assert known["verified"].fillna(False).all()
    assert known["sass_ok"].fillna(False).all()


def test_no_value_is_beyond_its_limit(rows: pd.DataFrame) -> None:
    limited = rows[rows["limit"].notna() & rows["value"].notna()]
    assert (limited["lo"] <= limited["limit"]).all()


def test_what_is_skipped_is_the_power_of_bursts_or_not_of_this_gpu(rows: pd.DataFrame) -> None:
    skipped = rows[rows["status"] == "skipped"]
    bursts = (skipped["probe"] == "power/tensor") & skipped["metric"].isin(["power", "energy"])
    assert skipped.loc[bursts, "reason"].str.contains("burst|compute capability").all()
    assert skipped.loc[~bursts, "reason"].str.contains("compute capability").all()


@pytest.mark.parametrize(
    ("function", "cycles"), [("fma_f32", 4.0), ("fma_f64", 8.0), ("ex2_f32", 17.0), ("add_s32", 2.0)]
)
@pytest.mark.usefixtures("hopper")
def test_latency_of_a_pipe(rows: pd.DataFrame, function: str, cycles: float) -> None:
    assert value(rows, "pipes/latency", "latency", function=function) == pytest.approx(cycles, abs=0.1)


@pytest.mark.parametrize(("function", "per_clock"), [("fma_f32", 128), ("fma_f64", 64), ("ex2_f32", 16), ("lop3", 64)])
@pytest.mark.usefixtures("hopper")
def test_throughput_of_a_pipe(rows: pd.DataFrame, function: str, per_clock: int) -> None:
    found = value(rows, "pipes/throughput", "throughput", function=function)
    assert 0.84 * per_clock < found <= per_clock


@pytest.mark.usefixtures("hopper")
def test_two_maxima_that_fuse_take_half_the_time_of_one(rows: pd.DataFrame) -> None:
    plain, fused = (
        value(rows, "dpx/latency", "latency", function=f) for f in ("vimax_s32_relu", "vimax_s32_relu_fused")
    )
    assert fused == pytest.approx(plain / 2, rel=0.1)


@pytest.mark.parametrize(
    ("a_type", "acc_type"),
    [("f16", "f32"), ("bf16", "f32"), ("tf32", "f32"), ("e4m3", "f32"), ("e5m2", "f32"), ("s8", "s32")],
)
@pytest.mark.usefixtures("hopper")
def test_wgmma_m64n256_follows_every_128_cycles(rows: pd.DataFrame, a_type: str, acc_type: str) -> None:
    at = {"a_type": a_type, "b_type": a_type, "acc_type": acc_type, "sparse": False}
    assert value(rows, "wgmma/interval", "issue_interval", **at) == pytest.approx(128, abs=0.1)


@pytest.mark.usefixtures("hopper")
def test_completion_takes_longer_than_the_interval(rows: pd.DataFrame) -> None:
    assert value(rows, "wgmma/latency", "latency") > 128 + 20


@pytest.mark.parametrize(("a_type", "limit"), [("f16", 4096), ("e4m3", 8192), ("s8", 8192)])
@pytest.mark.usefixtures("hopper")
def test_a_burst_is_what_the_interval_implies_at_the_clock_that_was_seen(
    rows: pd.DataFrame, a_type: str, limit: int
) -> None:
    acc = "s32" if a_type == "s8" else "f32"
    at = {"a_type": a_type, "b_type": a_type, "acc_type": acc, "operands": "normal", "sparse": False}
    chosen = rows[(rows["probe"] == "wgmma/throughput") & (rows["metric"] == "rate")]
    for name, wanted in at.items():
        chosen = chosen[chosen[name] == wanted]
    (row,) = chosen.to_dict("records")
    gpu = discover().gpu
    assert gpu is not None
    assert row["value"] == pytest.approx(limit * gpu.multiprocessors * row["sm_mhz"] * 1e6, rel=0.01)


@pytest.mark.usefixtures("hopper")
def test_fp8_sums_keep_fewer_places_than_those_of_f16(rows: pd.DataFrame) -> None:
    eight, sixteen = (
        value(rows, "fp8/precision", "bits_across", a_type=t, b_type=t, acc_type="f32") for t in ("e4m3", "f16")
    )
    assert 10 <= eight < sixteen <= 24


@pytest.mark.usefixtures("hopper")
def test_sustained_power_is_below_the_cap_and_energy_is_power_over_rate(rows: pd.DataFrame) -> None:
    held = rows[(rows["probe"] == "power/tensor") & (rows["regime"] == "sustained")]
    for operands in ("zeros", "normal"):
        power, energy, rate = (value(held, "power/tensor", m, operands=operands) for m in ("power", "energy", "rate"))
        assert 100 < power < 1.02 * 700
        assert energy == pytest.approx(power / rate, rel=0.01)
    assert value(held, "power/tensor", "power", operands="normal") > 1.3 * value(
        held, "power/tensor", "power", operands="zeros"
    )
