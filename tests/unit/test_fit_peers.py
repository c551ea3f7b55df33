"""transfer_time between GPUs that have no ladder of sizes: from their own two points and the ladders of others."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from fitted_machine import NOISE, geometric, write_run
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_probes import NODE

import gridstone.model
from gridstone.cli import main
from gridstone.errors import UsageError
from gridstone.fit import fit
from gridstone.model import HardwareModel, OutOfDomain
from gridstone.model.peers import joined
from gridstone.plan import Request, cells, load_probes, missing
from gridstone.store import Run, load

REFERENCE = Path(__file__).parents[2] / "results/reference"
LADDER = geometric(8, 1 << 30, 1)
ENDS = (8, 256 << 20)
GPUS = 4
PAIRS = list(itertools.permutations(range(GPUS), 2))
Pair = tuple[int, int]


def near(pair: Pair) -> bool:
    """GPUs 0 and 1 are joined by NVLink, 2 and 3 too, and the two of them by PCIe."""
    return pair[0] // 2 == pair[1] // 2


def truth(pair: Pair, size: float) -> float:
    """Seconds; NVLink bends once, PCIe has a slow protocol up to 64 KiB; no two pairs are equal."""
    latency, slower = 1 + 0.02 * pair[0], 1 + 0.05 * pair[1]
    if near(pair):
        return 2.3e-6 * latency + slower * size / 390e9
    return 9e-6 * latency + slower * (min(size, 1 << 16) / 4e9 + max(0, size - (1 << 16)) / 24e9)


def topology(tier: Callable[[Pair], tuple[str, int]]) -> dict[str, Any]:
    links = [{"src": s, "dst": d, "tier": tier((s, d))[0], "count": tier((s, d))[1]} for s, d in PAIRS]
    return {"gpus": [{"gpu": place} for place in range(GPUS)], "links": links}


NESTED = topology(lambda pair: ("nvlink", 18) if near(pair) else ("pcie", 0))


def machine(
    place: Path, ladders: Iterable[Pair], *, ends: Iterable[Pair] = PAIRS, around: Mapping[str, Any] | None = NESTED
) -> HardwareModel:
    """The model of a run of four GPUs with these ladders of copies by an engine, one way, and `ends` of peer/pairs."""

    def copied(pair: Pair, size: int, **axes: str) -> tuple[dict[str, Any], str, str, float]:
        return {**axes, "src": pair[0], "dst": pair[1], "bytes": size}, "bandwidth", "B/s", size / truth(pair, size)

    run = {
        "peer/copy": [copied(p, n, method="engine", direction="one") for p in ladders for n in LADDER],
        "peer/pairs": [copied(p, n) for p in ends for n in ENDS],
    }
    folder = write_run(place / "run", {probe: rows for probe, rows in run.items() if rows})
    written = Run(folder)
    written.write_info(written.info() | {"topology": around})
    fit([folder], place / "model")
    return gridstone.model.load(place / "model")


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> HardwareModel:
    return machine(tmp_path_factory.mktemp("nested"), [(0, 1), (1, 0), (0, 2), (2, 0)])


def test_each_pair_follows_its_own_latency_and_bandwidth_in_the_course_of_its_kind(nested: HardwareModel) -> None:
    sizes = np.array([1000, 30_000, 65_536, 100_000, 1 << 20, 3 << 20, 100 << 20], dtype=float)
    within = []
    for pair in PAIRS:
        found = nested.transfer_time(src=f"gpu{pair[0]}", dst=f"gpu{pair[1]}", bytes=sizes)
        expected = np.array([truth(pair, size) for size in sizes])
        assert found.value == pytest.approx(expected, rel=0.01), pair
        within.append((found.lo <= expected) & (expected <= found.hi))
    assert np.mean(within) > 0.9


def test_no_pair_borrows_from_pairs_that_are_joined_otherwise(nested: HardwareModel) -> None:
    borrowing = [law for law in nested.function("transfer_time").laws if law.bridged]
    assert len(borrowing) == len(PAIRS) - 4
    for law in borrowing:
        pair = int(law.keys["src"][3:]), int(law.keys["dst"][3:])  # type: ignore[index]
        lenders = law.parameters["borrowed_from"]
        assert lenders and all(near((src, dst)) == near(pair) for src, dst in lenders)


def test_links_of_another_number_are_joined_otherwise(tmp_path: Path) -> None:
    fewer = topology(lambda pair: ("nvlink", 18 if near(pair) else 2))
    model = machine(tmp_path, [(0, 1), (1, 0)], around=fewer)
    assert model.transfer_time(src="gpu2", dst="gpu3", bytes=1 << 20).in_domain
    with pytest.raises(UsageError, match="joined by nvlink x 2"):
        model.transfer_time(src="gpu0", dst="gpu3", bytes=1 << 20)


@pytest.mark.parametrize(
    ("given", "words", "said"),
    [
        ({}, {"src": "gpu2", "dst": "gpu0"}, "joined by pcie"),
        ({}, {"src": "gpu2", "dst": "gpu3", "method": "read"}, "with method=read"),
        ({}, {"src": "gpu2", "dst": "gpu3", "method": "write", "duplex": True}, "method=write, both ways"),
        ({}, {"src": "gpu3", "dst": "gpu2", "duplex": True}, "src=2 .*dst=3"),
        ({"ends": [(0, 1), (1, 0)]}, {"src": "gpu2", "dst": "gpu3"}, "takes peer/pairs"),
        ({"ladders": [(0, 1)]}, {"src": "gpu2", "dst": "gpu3"}, "two pairs joined alike"),
        ({"around": None}, {"src": "gpu2", "dst": "gpu3"}, "no run says"),
    ],
)
def test_what_cannot_be_told_names_the_run_that_would_tell_it(
    tmp_path: Path, given: dict[str, Any], words: dict[str, Any], said: str
) -> None:
    model = machine(tmp_path, **{"ladders": [(0, 1), (1, 0)], **given})
    with pytest.raises(UsageError, match=said) as refusal:
        model.transfer_time(**words, bytes=1 << 20)
    command = re.search(r"`gridstone run (.+?)`", str(refusal.value))
    assert command is not None
    probe, *options = shlex.split(command[1])
    assert options[::2] == ["-a", "-a"]
    planned = cells(load_probes(), Request(seed=1, probes=(probe,), axes=tuple(options[1::2])))
    asked = {
        (f"gpu{c.axes['src']}", f"gpu{c.axes['dst']}", c.axes["method"], c.axes["direction"] == "both") for c in planned
    }
    src, dst = sorted((words["src"], words["dst"])) if words.get("duplex") else (words["src"], words["dst"])
    assert (src, dst, words.get("method", "engine"), words.get("duplex", False)) in asked
    four = dataclasses.replace(NODE, gpus=GPUS)
    assert {missing(c, four) for c in planned} == {None}


def test_a_gpu_that_the_machine_lacks_is_named(nested: HardwareModel) -> None:
    with pytest.raises(UsageError, match="gpu4 is not in the machine that was measured: it has 4 GPUs"):
        nested.transfer_time(src="gpu0", dst="gpu4", bytes=64)
    with pytest.raises(UsageError, match="did you mean engine"):
        nested.transfer_time(src="gpu0", dst="gpu1", bytes=64, method="engin")


def test_beyond_its_own_copies_a_pair_is_refused_and_flagged(nested: HardwareModel) -> None:
    with pytest.raises(OutOfDomain, match="bytes"):
        nested.transfer_time(src="gpu2", dst="gpu3", bytes=1 << 30)
    within = nested.transfer_time(src="gpu2", dst="gpu3", bytes=128 << 20)
    beyond = nested.transfer_time(src="gpu2", dst="gpu3", bytes=1 << 30, extrapolate="flag")
    assert not beyond.in_domain
    assert beyond.value == pytest.approx(truth((2, 3), 1 << 30), rel=0.01)
    assert beyond.hi / beyond.lo > within.hi / within.lo


def test_runs_that_do_not_agree_on_a_link_say_nothing_of_it() -> None:
    one, other = ({"topology": topology(lambda _, tier=tier: (tier, 0))} for tier in ("pcie", "node"))
    assert joined([one, one, {"topology": None}, {}], 0, 1) == "pcie"
    assert joined([one, other], 0, 1) is None
    assert joined([], 0, 1) is None


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


@settings(max_examples=60, deadline=None)
@given(latency=st.floats(1e-7, 1e-3), bandwidth=st.floats(1e8, 1e13))
def test_a_law_is_stretched_to_the_pairs_own_points(latency: float, bandwidth: float) -> None:
    law = _borrowing_law()
    first, last = latency, latency + ENDS[1] / bandwidth
    knots = law.curve(np.array([[ENDS[0], first], [ENDS[1], last]]))
    assert knots[0] == pytest.approx([ENDS[0], first])
    at_the_end = knots[np.searchsorted(knots[:, 0], ENDS[1])]
    assert at_the_end == pytest.approx([ENDS[1], last], rel=1e-6)
    assert (np.diff(knots, axis=0)[:, 1] >= 0).all() and knots[-1, 0] == LADDER[-1]
    line = first + (last - first) * (knots[:, 0] - ENDS[0]) / (ENDS[1] - ENDS[0])
    # The ladders are lines but for their noise, which is relative to what they take there.
    assert knots[:, 1] == pytest.approx(line, abs=20 * NOISE * last, rel=20 * NOISE)


_LAWS: list[Any] = []


def _borrowing_law() -> Any:
    from gridstone.fit import peers

    if not _LAWS:
        rows = [
            {
                "probe": probe, "metric": "bandwidth", "status": "ok", "method": method, "direction": "one",
                "src": pair[0], "dst": pair[1], "bytes": n, "device_uuid": "GPU-1", "host": "h", "run_id": "r",
                "cell_id": f"{probe}{pair}{n}", "unit": "B/s",
                "value": n / truth(pair, n), "lo": 0.99 * n / truth(pair, n), "hi": 1.01 * n / truth(pair, n),
            }
            for probe, method, pairs, sizes in (
                ("peer/copy", "engine", [(0, 1), (1, 0)], LADDER), ("peer/pairs", None, PAIRS, ENDS)
            )
            for pair in pairs
            for n in sizes
        ]  # fmt: skip
        frame = peers.with_links(pd.DataFrame(rows), [{"topology": NESTED}])
        (law,) = (one for one in peers.sought(frame) if one.keys["src"] == "gpu2" and one.keys["dst"] == "gpu3")
        _LAWS.append(law)
    return _LAWS[0]


def test_fit_and_ask_say_what_such_pairs_are_off_by(
    models: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def said(*words: str) -> str:
        with pytest.raises(SystemExit) as leaving:
            main(list(words))
        assert leaving.value.code == 0
        return capsys.readouterr().out

    assert "10 of them borrow their course: held-out error 0." in said(
        "fit", str(REFERENCE / "nvidia-h100-x4"), "-o", str(tmp_path / "m")
    )
    assert "borrow" not in said("fit", str(REFERENCE / "nvidia-h100-x2"), "-o", str(tmp_path / "n"))
    lines = said("ask", str(models["x4"])).splitlines()
    (listed,) = (line for line in lines if "src=gpu2 dst=gpu0|gpu1|gpu3" in line)
    assert "bytes 8 B to 256 MiB" in listed and "(of laws that others stood in for)" in listed
    assert "in domain, interpolated" in said(
        "ask", str(models["x4"]), "transfer_time", "src=gpu2", "dst=gpu3", "bytes=1MiB"
    )
