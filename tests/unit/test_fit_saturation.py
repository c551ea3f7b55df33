"""Saturation: a known law is recovered, what the law must obey, and how well it does on the H100's cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridstone
from gridstone.cli.ask import parse
from gridstone.errors import UsageError
from gridstone.fit import fit, throughput
from gridstone.fit.law import FittedFunction, fit_function
from gridstone.fit.saturation import SCHEDULERS, Saturation, saturation
from gridstone.model import HardwareModel, OutOfDomain, load
from gridstone.model.artifact import nearest

REFERENCE = next((Path(__file__).parents[2] / "results/reference/nvidia-h100").glob("*/power")).parent
WARPS, CHAINS = (1, 2, 4, 8, 16, 32), (1, 2, 4, 8)

laws = st.builds(
    Saturation,
    latency=st.floats(2, 60),
    alone=st.floats(0.5, 20),
    full=st.floats(0.5, 30),
    switch=st.floats(0.01, 5),
    fade=st.floats(0.3, 2),
    turn=st.floats(1, 50),
    sharpness=st.floats(3, 200),
    work=st.sampled_from([32.0, 4096.0]),
)


def measured(law: Saturation, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """(n, 3): what the law gives at the places of the declaration."""
    ilp, warps = (part.ravel() for part in np.meshgrid(CHAINS, WARPS, indexing="ij"))
    drawn = np.exp(noise * np.random.default_rng(seed).standard_normal(ilp.size))
    return np.column_stack([ilp, warps, law.rate(warps, ilp) * drawn])


@pytest.mark.parametrize(
    ("latency", "alone", "full", "switch"), [(4.03, 2.05, 2.0, 0.01), (26.0, 4.45, 4.0, 0.01), (8.02, 1.0, 2.2, 0.8)]
)
@pytest.mark.parametrize("noise", [0.0, 0.003])
def test_a_known_law_is_found_again(latency, alone, full, switch, noise):
    truth = Saturation(
        latency=latency, alone=alone, full=full, switch=switch, fade=1.0, turn=1.0, sharpness=40.0, work=32.0
    )
    found = saturation(measured(truth, noise), work=32.0)
    assert found.latency == pytest.approx(latency, rel=0.005 + noise)
    assert found.full == pytest.approx(full, rel=0.02 + 2 * noise)
    ilp, warps = (part.ravel() for part in np.meshgrid(np.arange(1.0, 9), np.arange(1.0, 33)))
    assert found.rate(warps, ilp) == pytest.approx(truth.rate(warps, ilp), rel=0.02 + 3 * noise)


def test_a_latency_that_was_measured_by_itself_is_kept_where_all_cells_saturate():
    truth = Saturation(latency=4.0, alone=2.0, full=2.0, switch=0.001, fade=1.0, turn=1.0, sharpness=100.0, work=32.0)
    full = measured(truth)
    full = full[full[:, 0] >= 2]  # two chains fill the pipe already
    assert saturation(full, work=32.0, latency=4.0).rate(np.array([1.0]), np.array([1.0])) == pytest.approx(8, rel=0.01)


def test_no_law_goes_beyond_its_ceiling():
    truth = Saturation(latency=8.0, alone=0.5, full=1.0, switch=1.4, fade=1.0, turn=1.0, sharpness=10.0, work=32.0)
    few = measured(truth)
    found = saturation(few[few[:, 0] <= 4], work=32.0, ceiling=128.0)
    assert found.rate(np.array([32.0]), np.array([16.0])) <= 128.01
    assert found.peak <= 128.01


def test_no_point_is_no_law():
    with pytest.raises(ValueError, match="no point"):
        saturation(np.empty((0, 3)), work=32.0)


@given(laws, st.integers(1, 15), st.integers(1, 63))
def test_more_chains_and_more_warps_never_give_less_and_never_more_than_the_pipe(law, ilp, warps):
    def at(w, i):
        return float(law.rate(np.array([float(w)]), np.array([float(i)]))[0])

    assert at(warps, ilp) <= at(warps + 1, ilp) * (1 + 1e-9)
    assert at(warps, ilp) <= at(warps, ilp + 1) * (1 + 1e-9)
    assert at(warps, ilp) <= law.peak * (1 + 1e-9)
    assert at(warps, ilp) <= law.work * warps * ilp / law.latency * (1 + 1e-9)


@given(laws, st.integers(1, 4), st.integers(1, 8))
def test_schedulers_that_have_a_warp_each_share_nothing(law, warps, ilp):
    one, several = law.rate(np.array([1.0, warps]), np.array([ilp, ilp]))
    assert several == pytest.approx(warps * one)
    (between,) = law.rate(np.array([SCHEDULERS + 1.0]), np.array([ilp]))
    four, eight = law.rate(np.array([4.0, 8.0]), np.array([ilp, ilp]))
    assert between == pytest.approx(four + (eight - four) / 4)  # one scheduler of four has two


@pytest.fixture(scope="module")
def swept() -> FittedFunction:
    """The laws of those operations of the reference run that were swept over warps and chains."""
    wanted = [law for law in throughput.sought(gridstone.load(REFERENCE)) if len(law.cells) > 4]
    return fit_function(throughput.NAME, throughput.FORM, wanted)


def test_held_out_cells_of_the_h100_are_near(swept):
    quality = swept.record["quality"]
    assert quality["random"]["n"] > 280
    assert quality["random"]["median"] < 0.005
    assert quality["random"]["p95"] < 0.10
    assert quality["frontier"]["median"] < 0.01
    assert quality["frontier"]["p95"] < 0.20
    assert quality["random"]["coverage"] >= 0.92


def test_laws_of_the_h100_have_the_latencies_and_paces_of_their_pipes(swept):
    found = {law["keys"]["kind"]: law["parameters"] for law in swept.record["laws"]}
    assert found["fma_f32"]["latency_cycles"] == pytest.approx(4.03, abs=0.05)
    assert found["mad_s32"]["peak"] == pytest.approx(64, rel=0.01)
    wgmma = found["wgmma/m64n256k16/f16/f16/f32"]
    assert wgmma["full_cycles"] == pytest.approx(128, abs=0.2)
    assert wgmma["latency_cycles"] == pytest.approx(194.6, abs=1)
    assert wgmma["step"] == 4


def test_intervals_of_plateaus_stay_narrow_and_none_is_absurd(swept):
    width = {law["keys"]["kind"]: law["interval"]["half_width"] for law in swept.record["laws"]}
    assert width["mad_s32"] < 0.01
    assert max(width.values()) < 0.3
    for row in swept.holdout:
        assert row["pred_hi"] / row["pred_lo"] < 4


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> HardwareModel:
    """A model of two operations of the reference run."""
    root = tmp_path_factory.mktemp("saturation")
    for probe in ("pipes/throughput", "pipes/latency", "wgmma/saturation", "wgmma/latency"):
        rows = pq.read_table(REFERENCE / f"{probe}.parquet")
        if probe.startswith("pipes"):
            rows = rows.filter(pc.is_in(rows["function"], pa.array(["fma_f32", "popc"], rows["function"].type)))
        path = root / "run" / f"{probe}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path)
    (root / "run/run.json").write_text((REFERENCE / "run.json").read_text())
    fit([root / "run"], root / "model")
    return load(root / "model")


def test_a_measured_cell_answers_with_the_measurement(model):
    row = gridstone.load(REFERENCE).query(
        "probe == 'pipes/throughput' and function == 'fma_f32' and warps == 8 and ilp == 2"
    )
    answer = model.throughput(kind="fma_f32", warps=8, ilp=2)
    assert answer.value == pytest.approx(float(row["value"].iloc[0]))
    assert answer.source == "measured"
    assert answer.unit == "operation/cycle"


def test_between_cells_it_follows_the_schedulers(model):
    six = model.throughput(kind="fma_f32", warps=6, ilp=1)
    four, eight = (model.throughput(kind="fma_f32", warps=w, ilp=1).value for w in (4, 8))
    assert six.value == pytest.approx((four + eight) / 2, rel=0.01)
    assert six.lo < six.value < six.hi
    assert six.source == "interpolated"
    both = model.throughput(kind="fma_f32", warps=np.array([6.0, 8.0]), ilp=1)
    assert both.value[0] == six.value


def test_no_interval_goes_beyond_what_the_pipe_can_give(model):
    answer = model.throughput(kind="wgmma/m64n256k16/f16/f16/f32", warps=4, ilp=3)
    assert answer.value < answer.hi <= 4096
    assert answer.lo < answer.value


def test_the_saturation_point_is_the_least_that_reaches_the_share(model):
    least = model.saturation(kind="fma_f32")
    assert (least.value, least.unit) == (16, "operation")
    warps = model.saturation(kind="fma_f32", ilp=4)
    assert (warps.value, warps.unit) == (4, "warp")
    assert warps.lo <= warps.value <= warps.hi
    assert model.saturation(kind="fma_f32", warps=4).value == 4
    reached = model.throughput(kind="fma_f32", warps=4, ilp=4).value
    most = max(model.throughput(kind="fma_f32", warps=w, ilp=8).value for w in WARPS)
    assert reached >= 0.95 * most
    assert model.throughput(kind="fma_f32", warps=4, ilp=3).value < 0.95 * most
    assert model.saturation(kind="fma_f32", ilp=4, share=0.5).value < 4
    assert model.saturation(kind="wgmma/m64n256k16/f16/f16/f32", ilp=1).value == 8


@pytest.mark.parametrize(
    ("function", "arguments", "error", "message"),
    [
        ("throughput", {"kind": "fma_f33", "warps": 4, "ilp": 4}, UsageError, "did you mean fma_f32"),
        ("throughput", {"kind": "fma_f32", "warps": 4.5, "ilp": 4}, UsageError, "warps=4.5 is not a whole number"),
        ("throughput", {"kind": "fma_f32", "warps": 4, "ilp": 0.5}, UsageError, "ilp=0.5 is not a whole number"),
        ("throughput", {"kind": "fma_f32", "warps": 64, "ilp": 4}, OutOfDomain, r"warps=64 .*\(1 to 32\)"),
        ("throughput", {"kind": "fma_f32", "warps": 0, "ilp": 4}, OutOfDomain, "not a positive number"),
        ("throughput", {"kind": "popc", "warps": 8, "ilp": 2}, OutOfDomain, "ilp=2"),
        (
            "throughput",
            {"kind": "wgmma/m64n256k16/f16/f16/f32", "warps": 6, "ilp": 1},
            UsageError,
            "warps=6 is not a multiple of 4",
        ),
        ("saturation", {"kind": "fma_f32", "warps": 4, "ilp": 4}, UsageError, "not both"),
        ("saturation", {"kind": "fma_f32", "share": 1.0}, UsageError, "share=1 is not between"),
        ("saturation", {"kind": "fma_f32", "ilp": 1}, OutOfDomain, "reaches 50% of its most"),
        ("saturation", {"kind": "fma_f32", "ilp": 16}, OutOfDomain, "ilp=16"),
        ("saturation", {"kind": "fma_f32", "ilp": float("nan")}, OutOfDomain, "not a positive number"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_its_reason(model, function, arguments, error, message):
    with pytest.raises(error, match=message):
        getattr(model, function)(**arguments)


def test_ask_knows_the_function_that_is_read_off_another(model):
    given = parse(model, "saturation", ["kind=fma_f32", "ilp=4", "share=0.9"])
    assert model.saturation(**given).value == 4
    with pytest.raises(UsageError, match="did you mean saturation"):
        parse(model, "satration", [])
    with pytest.raises(UsageError, match="saturation has no argument warp: did you mean warps"):
        parse(model, "saturation", ["kind=fma_f32", "warp=4"])


def test_a_long_list_of_choices_is_cut_short():
    hint = nearest("kind_7x", [f"kind_{n}" for n in range(200)])
    assert "did you mean kind_7" in hint
    assert hint.endswith("and 176 more)")


def test_beyond_the_box_it_answers_with_a_flag_and_a_wider_interval(model):
    inside = model.throughput(kind="fma_f32", warps=32, ilp=7)
    beyond = model.throughput(kind="fma_f32", warps=64, ilp=7, extrapolate="flag")
    assert not beyond.in_domain
    assert beyond.hi / beyond.lo > inside.hi / inside.lo
    assert beyond.value == pytest.approx(inside.value, rel=0.02)


def test_an_operation_with_one_cell_has_no_law():
    cell = {
        "probe": "pipes/throughput",
        "metric": "throughput",
        "unit": "operation/cycle",
        "status": "ok",
        "value": 1.0,
    }
    row = {**cell, "lo": 1.0, "hi": 1.0, "limit": np.nan, "function": "popc", "warps": 32, "ilp": 4, "run_id": "r"}
    frame = pd.DataFrame([{**row, "cell_id": "c", "device_uuid": "u", "host": "h"}])
    assert throughput.sought(frame) == []
