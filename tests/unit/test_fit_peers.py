"""transfer_time between GPUs that have no ladder of sizes: from their own two points and the ladders of others."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fitted_machine import geometric, write_run
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_probes import NODE

import gridstone.model
from gridstone.cli import main
from gridstone.errors import UsageError
from gridstone.fit import fit, peers
from gridstone.model import HardwareModel, OutOfDomain
from gridstone.model.peers import joined
from gridstone.plan import Request, cells, load_probes, missing
from gridstone.store import Run

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
    place: Path,
    ladders: Iterable[Pair],
    *,
    ends: Iterable[Pair] = PAIRS,
    around: Mapping[str, Any] | None = NESTED,
    sizes: Iterable[int] = ENDS,
) -> HardwareModel:
    """The model of a run of four GPUs with these ladders of copies by an engine, one way, and `ends` of peer/pairs."""

    def copied(pair: Pair, size: int, **axes: str) -> tuple[dict[str, Any], str, str, float]:
        return {**axes, "src": pair[0], "dst": pair[1], "bytes": size}, "bandwidth", "B/s", size / truth(pair, size)

    run = {
        "peer/copy": [copied(p, n, method="engine", direction="one") for p in ladders for n in LADDER],
        "peer/pairs": [copied(p, n) for p in ends for n in sizes],
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
        ({"ends": [(0, 1), (1, 0)]}, {"src": "gpu2", "dst": "gpu3"}, "two sizes of peer/pairs"),
        ({"ladders": [(0, 1)]}, {"src": "gpu2", "dst": "gpu3"}, "two pairs joined alike"),
        ({"around": None}, {"src": "gpu2", "dst": "gpu3"}, "no run says"),
        ({"sizes": (1 << 20,)}, {"src": "gpu2", "dst": "gpu3"}, "two sizes of peer/pairs"),
        ({"sizes": (64, 128)}, {"src": "gpu2", "dst": "gpu3"}, "two sizes of peer/pairs"),
        ({"sizes": (64, 4 << 30)}, {"src": "gpu2", "dst": "gpu3"}, "two sizes of peer/pairs"),
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


def test_of_another_machine_that_measured_one_size_a_pair_takes_nothing(tmp_path: Path) -> None:
    machine(tmp_path, [(0, 1), (1, 0)])
    rows = [({"src": s, "dst": d, "bytes": ENDS[0]}, "bandwidth", "B/s", ENDS[0] / 1e-3) for s, d in PAIRS]
    other = write_run(tmp_path / "other", {"peer/pairs": rows}, uuid="GPU-2", host="node2")
    fit([tmp_path / "run", other], tmp_path / "both")
    one, both = (gridstone.model.load(tmp_path / name) for name in ("model", "both"))
    for size in (ENDS[0], 1 << 20):
        asked = {"src": "gpu2", "dst": "gpu3", "bytes": size}
        assert both.transfer_time(**asked).value == one.transfer_time(**asked).value


def test_pairs_that_nothing_joins_by_what_is_written_are_said_to_have_fed_nothing(tmp_path: Path) -> None:
    machine(tmp_path, [(0, 1), (1, 0)], around=None)
    document = json.loads((tmp_path / "model" / "model.json").read_text())
    assert document["functions"]["transfer_time"]["unfed"]["peer/pairs"] == "24 cells that no law could use"


def test_pairs_that_are_little_known_themselves_have_wide_intervals() -> None:
    assert _borrowing_law(0.01).borrowed.width == pytest.approx(math.log(1.01 / 0.99) / 2)
    assert _borrowing_law(0.2).borrowed.width == pytest.approx(math.log(1.2 / 0.8) / 2)


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


@settings(max_examples=60, deadline=None)
@given(latency=st.floats(1e-7, 1e-3), bandwidth=st.floats(1e8, 1e13))
def test_a_law_is_stretched_to_the_pairs_own_points(latency: float, bandwidth: float) -> None:
    first, last = latency, latency + ENDS[1] / bandwidth
    knots = _borrowing_law().curve(np.array([[ENDS[0], first], [ENDS[1], last]]))
    assert knots[0] == pytest.approx([ENDS[0], first])
    at_the_end = knots[np.searchsorted(knots[:, 0], ENDS[1])]
    assert at_the_end == pytest.approx([ENDS[1], last], rel=1e-6)
    assert (np.diff(knots, axis=0)[:, 1] >= 0).all() and knots[-1, 0] == LADDER[-1]
    line = first + (last - first) * (knots[:, 0] - ENDS[0]) / (ENDS[1] - ENDS[0])
    assert knots[:, 1] == pytest.approx(line, rel=1e-6)


@cache
def _borrowing_law(scatter: float = 0.01) -> Any:
    """The law from gpu2 to gpu3 as it is sought, its ends known within `scatter`; the ladders of its kind are lines."""
    rows = [
        {
            "probe": probe, "metric": "bandwidth", "unit": "B/s", "status": "ok", "run_id": "r", "device_uuid": "GPU-1",
            "host": "h", "cell_id": f"{probe} {pair} {size}", "method": "engine", "direction": "one",
            "src": pair[0], "dst": pair[1], "bytes": size,
            "value": rate, "lo": rate * (1 - wide), "hi": rate * (1 + wide),
        }
        for probe, pairs, sizes, wide in (
            ("peer/copy", [(0, 1), (1, 0)], LADDER, 0.01),
            ("peer/pairs", PAIRS, ENDS, scatter),
        )
        for pair, size in itertools.product(pairs, sizes)
        for rate in (size / truth(pair, size),)
    ]  # fmt: skip
    found = peers.sought(peers.with_links(pd.DataFrame(rows), [{"topology": NESTED}]))
    (law,) = (one for one in found if (one.keys["src"], one.keys["dst"]) == ("gpu2", "gpu3"))
    return law


def test_fit_says_what_such_pairs_are_off_by(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*words: str) -> str:
        with pytest.raises(SystemExit) as leaving:
            main(list(words))
        assert leaving.value.code == 0
        return capsys.readouterr().out

    for name, ends, borrowing in (("some", PAIRS, True), ("none", [(0, 1), (1, 0)], False)):
        machine(tmp_path / name, [(0, 1), (1, 0)], ends=ends)
        printed = said("fit", str(tmp_path / name / "run"), "-o", str(tmp_path / "model"))
        assert ("2 of them borrow their course: held-out error " in printed) == borrowing
        assert "cells that no law could use" not in printed
