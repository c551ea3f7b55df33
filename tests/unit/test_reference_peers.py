"""Copies between two and four H100s: pairs without a ladder of sizes, and those with one told as if without."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gridstone.model
from gridstone.cli import main
from gridstone.fit import fit
from gridstone.model import HardwareModel
from gridstone.store import load

REFERENCE = Path(__file__).parents[2] / "results/reference"
ENDS = (8, 256 << 20)
PAIRS = list(itertools.permutations(range(4), 2))
Pair = tuple[int, int]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of the runs of two and of four H100s."""
    places = {name: tmp_path_factory.mktemp(name) for name in ("x2", "x4")}
    for name, place in places.items():
        fit([REFERENCE / f"nvidia-h100-{name}"], place)
    return places


@pytest.fixture(scope="module")
def four(models: dict[str, Path]) -> HardwareModel:
    return gridstone.model.load(models["x4"])


@pytest.mark.parametrize("name", ["x2", "x4"])
def test_ladders_of_h100s_are_told_from_each_other_and_their_own_ends(models: dict[str, Path], name: str) -> None:
    held = pq.read_table(models[name] / "holdout.parquet").to_pandas()
    held = held[held["kind"] == "borrowed"]
    assert held["law"].nunique() == 2 and len(held) == 48
    wrong = (held["predicted"] / held["measured"] - 1).abs()
    assert wrong.median() < 0.015 and wrong.max() < 0.045
    inside = (held["pred_lo"] <= held["measured"]) & (held["measured"] <= held["pred_hi"])
    assert inside.mean() > 0.93
    quality = gridstone.model.load(models[name]).function("transfer_time").quality["borrowed"]
    assert quality["n"] == 48 and quality["max"] == pytest.approx(wrong.max())
    assert quality["coverage"] == pytest.approx(inside.mean())


def test_held_out_ladders_had_no_part_in_what_they_are_told_from(models: dict[str, Path]) -> None:
    rows = load(REFERENCE / "nvidia-h100-x4" / "20261126T094956Z-vm-03ec")
    rows = rows[rows["metric"] == "bandwidth"].assign(time=lambda r: r["bytes"] / r["value"])
    engine = rows[(rows["probe"] == "peer/copy") & (rows["method"] == "engine") & (rows["direction"] == "one")]
    ladder, own = (
        part[(part["src"] == s) & (part["dst"] == d)].set_index("bytes")["time"].sort_index().astype(float)
        for part, s, d in ((engine, 0, 1), (rows[rows["probe"] == "peer/pairs"], 1, 0))
    )
    low, high = ENDS
    share = (ladder - ladder[low]) / (ladder[high] - ladder[low])
    expected = own[low] + (own[high] - own[low]) * share
    held = pq.read_table(models["x4"] / "holdout.parquet").to_pandas()
    held = held[(held["kind"] == "borrowed") & held["law"].str.contains('"src": "gpu1"')]
    size = [json.loads(text)["bytes"] for text in held["axes"]]
    assert held["predicted"].to_numpy() == pytest.approx(expected[size].to_numpy(), rel=0.02)  # the ladder is smoothed


@pytest.mark.parametrize("pair", PAIRS)
def test_each_pair_of_four_h100s_agrees_with_its_own_points(four: HardwareModel, pair: Pair) -> None:
    rows = load(REFERENCE / "nvidia-h100-x4" / "20261126T094956Z-vm-03ec")
    own = rows[
        (rows["probe"] == "peer/pairs")
        & (rows["metric"] == "bandwidth")
        & (rows["src"] == pair[0])
        & (rows["dst"] == pair[1])
    ].set_index("bytes")
    answers = {n: four.transfer_time(src=f"gpu{pair[0]}", dst=f"gpu{pair[1]}", bytes=n) for n in ENDS}
    for size, answer in answers.items():
        assert answer.source == "measured" and answer.in_domain
        assert answer.lo <= size / own.loc[size, "value"] <= answer.hi
    between = four.transfer_time(src=f"gpu{pair[0]}", dst=f"gpu{pair[1]}", bytes=3 << 20)
    assert between.source == "interpolated" and between.in_domain and between.level == 0.95
    assert answers[ENDS[0]].value < between.value < answers[ENDS[1]].value


@settings(max_examples=60, deadline=None)
@given(
    pair=st.sampled_from(PAIRS), sizes=st.lists(st.integers(*ENDS), min_size=2, max_size=20), octaves=st.floats(0, 25)
)
def test_no_answer_falls_as_bytes_grow(four: HardwareModel, pair: Pair, sizes: list[int], octaves: float) -> None:
    ordered = np.sort(np.append(sizes, ENDS[0] * 2**octaves)).astype(float)
    found = four.transfer_time(src=f"gpu{pair[0]}", dst=f"gpu{pair[1]}", bytes=ordered)
    assert (np.diff(found.value) >= 0).all()
    assert (found.lo <= found.value).all() and (found.value <= found.hi).all()


def test_ask_lists_such_pairs_with_what_they_are_off_by(
    four: HardwareModel, models: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        with pytest.raises(SystemExit) as leaving:
            main(list(words))
        assert leaving.value.code == 0
        return capsys.readouterr().out

    lines = said("ask", str(models["x4"])).splitlines()
    (listed,) = (line for line in lines if "src=gpu2 dst=gpu0|gpu1|gpu3" in line)
    median = four.function("transfer_time").quality["borrowed"]["median"]
    assert "bytes 8 B to 256 MiB" in listed and f"{median:.2%} (of laws that others stood in for)" in listed
    answer = said("ask", str(models["x4"]), "transfer_time", "src=gpu2", "dst=gpu3", "bytes=1MiB")
    assert "in domain, interpolated" in answer
