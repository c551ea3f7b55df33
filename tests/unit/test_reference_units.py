"""The reference run of instruction units keeps what docs/instructions.md says of it, and what Hopper is known to do."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

import gridstone
from gridstone.content import root

FOLDER = next((Path(__file__).parents[2] / "results/reference/nvidia-h100").glob("*/power")).parent
LATENCIES = ("latency", "issue_interval")
THROUGHPUTS = ("throughput", "throughput_machine")


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return gridstone.load(FOLDER)


def half_width(rows: pd.DataFrame) -> pd.Series:
    return (rows["hi"] - rows["lo"]) / 2


def test_every_cell_is_verified_and_only_the_power_of_bursts_is_missing(rows: pd.DataFrame) -> None:
    assert rows["verified"].all() and rows["sass_ok"].all()
    missing = rows[rows["status"] != "ok"]
    assert set(missing["metric"]) == {"power", "energy"} and set(missing["regime"]) == {"burst"}
    limited = rows[rows["limit"].notna()]
    assert len(limited) > 900 and (limited["lo"] <= limited["limit"]).all()


def test_latencies_and_throughputs_are_known_as_well_as_the_page_says(rows: pd.DataFrame) -> None:
    page = " ".join((root() / "docs" / "instructions.md").read_text(encoding="utf-8").split())
    latencies, throughputs = (rows[rows["metric"].isin(names)] for names in (LATENCIES, THROUGHPUTS))
    assert f"Of the H100 run's {len(latencies)} latencies none is known worse than within 0.05 cycles" in page
    assert (half_width(latencies) <= 0.05).all()
    assert f"Of {len(throughputs)} throughputs per clock one is not known within 0.5 %" in page
    (wide,) = throughputs[half_width(throughputs) > 0.005 * throughputs["value"]].to_dict("records")
    assert (wide["function"], wide["warps"], wide["ilp"]) == ("fma_f16x2", 16, 1)
    (most,) = re.findall(r"Rates per second vary with the clock from one pass to the next, by up to ([\d.]+) %", page)
    rates = rows[rows["metric"] == "rate"]
    assert 100 * (half_width(rates) / rates["value"]).max() == pytest.approx(float(most), abs=0.05)


def test_the_end_of_the_loop_is_as_little_in_a_latency_as_the_page_says(rows: pd.DataFrame) -> None:
    page = (root() / "docs" / "instructions.md").read_text(encoding="utf-8")
    (most,) = re.findall(r"a latency of 4 cycles is told up to ([\d.]+) too high", page)
    four = rows[(rows["metric"] == "latency") & rows["value"].between(3.9, 4.9)]
    assert {"pipes/latency", "dpx/latency", "fp8/convert_latency"} <= set(four["probe"]) and len(four) > 50
    assert four["value"].min() >= 4
    assert four["value"].max() - 4 == pytest.approx(float(most), abs=0.005)


def test_sustained_power_is_known_as_well_as_the_reference_says(rows: pd.DataFrame) -> None:
    listed = (root() / "results" / "reference" / "README.md").read_text(encoding="utf-8")
    (percent,) = re.findall(r"from which intervals of ([\d.]+) % follow", " ".join(listed.split()))
    power = rows[(rows["metric"] == "power") & (rows["status"] == "ok")]
    assert len(power) == 10
    assert 100 * (half_width(power) / power["value"]).max() == pytest.approx(float(percent), abs=0.05)


@pytest.mark.parametrize(("sparse", "cycles"), [(False, 128.0), (True, 144.0)])
def test_an_m64n256_follows_after_the_cycles_that_it_takes(rows: pd.DataFrame, sparse: bool, cycles: float) -> None:
    whole = rows[(rows["probe"] == "wgmma/interval") & (rows["tile_n"] == 256) & (rows["source"] == "ss")]
    found = whole[whole["sparse"] == sparse]
    assert len(found) > 15
    assert found["value"].between(cycles - 0.01, cycles + 0.01).all()


def test_bursts_are_what_the_interval_implies_at_the_clock_that_was_seen(rows: pd.DataFrame) -> None:
    chosen = rows[(rows["probe"] == "wgmma/throughput") & (rows["metric"] == "rate")]
    implied = chosen["limit"] * chosen["sparse"].map({True: 128 / 144, False: 1.0}).astype(float)
    assert len(chosen) > 30
    assert (chosen["value"] / implied).between(0.99, 1.0).all()
