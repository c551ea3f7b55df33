"""What `gridstone fit` writes, from which rows, and how honest its held-out cells are."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest
from fitted_machine import GPU_CELLS, HOST_CELLS, model_folder, write_run
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gridstone.errors import NothingMeasured, UsageError
from gridstone.fit import FUNCTIONS, fit
from gridstone.model import load
from gridstone.model.document import flaw, schema
from gridstone.store import StoreError

COPIES = {"copy/device": GPU_CELLS["copy/device"]}


@pytest.fixture(scope="module")
def document():
    return json.loads((model_folder() / "model.json").read_text())


def test_the_artifact_meets_the_schema_beside_it(document):
    schema = json.loads((model_folder() / "model.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    broken = {**document, "absent": ["transfer_time"]}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


@pytest.mark.parametrize("device", ["nvidia-h100-x2", "nvidia-h100/20261126T011315Z-vm-17f0"])
def test_models_of_real_runs_meet_the_schema_and_load(tmp_path, device):
    reference = Path(__file__).parents[2] / "results/reference" / device
    fit([reference], tmp_path)
    jsonschema.validate(json.loads((tmp_path / "model.json").read_text()), schema())
    assert load(tmp_path).functions


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_what_is_wrong_with_a_document_is_what_json_schema_says_is_wrong(document, data):
    changed = copy.deepcopy(document)
    inside, key = changed, data.draw(st.sampled_from(sorted(changed)))
    while isinstance(inside[key], dict | list) and len(inside[key]) and data.draw(st.integers(0, 9)):
        inside = inside[key]
        key = data.draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
    value = data.draw(st.sampled_from([None, True, 0, -1, 0.5, 2, "", "x", [], [1], {}, {"x": 1}, inside[key]]))
    inside[key] = value
    valid = jsonschema.Draft202012Validator(schema()).is_valid(changed)
    assert (flaw(changed) is None) == valid


def test_nothing_in_the_folder_is_a_pickle():
    with np.load(model_folder() / "arrays.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype == np.float64 for name in arrays.files)
    assert {p.name for p in model_folder().iterdir()} == {
        "model.json",
        "model.schema.json",
        "arrays.npz",
        "holdout.parquet",
    }


@pytest.mark.parametrize(
    ("function", "target"),
    [("memory_time", 0.02), ("transfer_time", 0.02), ("launch_overhead", 0.05), ("host_time", 0.08)],
)
def test_held_out_errors_are_within_their_targets(document, function, target):
    quality = document["functions"][function]["quality"]
    assert quality["random"]["median"] <= target
    assert quality["random"]["coverage"] >= 0.85
    assert quality["site"] is None
    assert quality["absent"]["site"] == "the runs are of one site"


def test_holdout_rows_agree_with_the_quality_that_is_stated(document):
    held = pd.read_parquet(model_folder() / "holdout.parquet")
    assert set(held["kind"]) == {"random", "frontier"}
    for name, function in document["functions"].items():
        rows = held[(held["function"] == name) & (held["kind"] == "random")]
        error = (rows["predicted"] / rows["measured"] - 1).abs()
        assert error.median() == pytest.approx(function["quality"]["random"]["median"])
        inside = rows["measured"].between(rows["pred_lo"], rows["pred_hi"])
        assert inside.mean() == pytest.approx(function["quality"]["random"]["coverage"])
        assert (rows["predicted"] != rows["measured"]).all()
    assert held["axes"].map(json.loads).map(len).min() >= 1


def test_provenance_names_what_a_function_came_from(document):
    origin = document["functions"]["transfer_time"]["provenance"]
    assert origin["device"] == ["Test GPU"]
    assert origin["driver"] == ["580.1"]
    assert origin["suite_revision"] == ["abc"]
    assert origin["packages"] == {"numpy": "2.0"}
    assert origin["sm_mhz"] == {"lo": 1980.0, "median": 1980.0, "hi": 1980.0}
    assert origin["probes"] == ["copy/device", "copy/host_device", "copy/mapped"]
    assert "plan" not in document["runs"][0]


def test_a_run_without_gpu_gives_the_host_alone(tmp_path):
    run = write_run(tmp_path / "run", HOST_CELLS, device=None)
    written = fit([run], tmp_path / "model")
    assert set(written["functions"]) == {"host_time"}
    assert set(written["absent"]) == {function.NAME for function in FUNCTIONS} - {"host_time"}
    assert load(tmp_path / "model").host_time(kind="memcpy", n=5000).in_domain


@pytest.mark.parametrize("status", ["throttled", "impossible", "unverified"])
def test_rows_that_are_not_ok_are_not_used(tmp_path, status):
    run = write_run(tmp_path / "run", COPIES, status=status)
    with pytest.raises(NothingMeasured, match="nothing to fit"):
        fit([run], tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_rows_that_are_left_out_are_counted(tmp_path):
    runs = [
        write_run(tmp_path / "a", COPIES),
        write_run(tmp_path / "b", COPIES, seed=1, status="throttled", bias=5.0),
    ]
    written = fit(runs, tmp_path / "model")
    origin = written["functions"]["transfer_time"]["provenance"]
    assert origin["cells_left_out"] == {"throttled": len(COPIES["copy/device"])}
    assert written["functions"]["transfer_time"]["laws"][0]["noise_floor"]["value"] < 0.01


def test_several_sites_are_held_out_whole_and_widen_the_interval(tmp_path):
    one = fit([write_run(tmp_path / "a", COPIES)], tmp_path / "one")
    for name, seed, bias in (("b", 1, 1.05), ("c", 2, 0.96)):
        write_run(tmp_path / name, COPIES, seed=seed, bias=bias, uuid=f"GPU-{name}", host=f"node-{name}")
    written = fit([tmp_path / name for name in "abc"], tmp_path / "three")
    law = written["functions"]["transfer_time"]["laws"][0]
    site = law["quality"]["site"]
    assert site["n"] >= 3 * (len(COPIES["copy/device"]) - 2)
    assert 0.02 < site["median"] < 0.08
    assert "site" not in law["quality"]["absent"]
    assert law["noise_floor"]["from"] == "repeated runs"
    alone = one["functions"]["transfer_time"]["laws"][0]
    assert law["interval"]["half_width"] > 3 * alone["interval"]["half_width"]


def test_a_folder_of_runs_and_a_run_given_twice_count_once(tmp_path):
    run = write_run(tmp_path / "runs" / "a", COPIES)
    written = fit([tmp_path / "runs", run], tmp_path / "model")
    assert len(written["runs"]) == 1
    assert written["functions"]["transfer_time"]["laws"][0]["noise_floor"]["from"] == "intervals of the cells"


def test_different_gpus_are_refused(tmp_path):
    a = write_run(tmp_path / "a", COPIES)
    b = write_run(tmp_path / "b", COPIES, device="Other GPU", uuid="GPU-2", seed=1)
    with pytest.raises(UsageError, match="different GPUs"):
        fit([a, b], tmp_path / "model")


def test_different_cpus_are_refused_and_a_gpu_beside_its_cpu_is_not(tmp_path):
    both = {**COPIES, "host/memcpy": HOST_CELLS["host/memcpy"]}
    a = write_run(tmp_path / "a", both)
    b = write_run(tmp_path / "b", {"host/memcpy": HOST_CELLS["host/memcpy"]}, device=None, cpu="Other CPU", seed=1)
    with pytest.raises(UsageError, match="different CPUs"):
        fit([a, b], tmp_path / "model")
    assert fit([a], tmp_path / "model")["facts"]["identity"]["device"] == "Test GPU"


def test_a_folder_that_is_no_model_is_not_written_into(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    with pytest.raises(UsageError, match="is no model"):
        fit([write_run(tmp_path / "run", COPIES)], tmp_path / "mine")


def test_a_model_is_replaced(tmp_path):
    run = write_run(tmp_path / "run", COPIES)
    fit([run], tmp_path / "model")
    fit([run], tmp_path / "model")
    assert "transfer_time" in load(tmp_path / "model").functions


def test_no_run_is_one_line(tmp_path):
    with pytest.raises(StoreError, match="no gridstone run there"):
        fit([tmp_path], tmp_path / "model")
