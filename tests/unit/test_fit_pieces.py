"""transfer_time of rows and blocks, co-run and the advisor on gathers, on a machine whose laws are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitted_machine import NOISE, write_run
from hypothesis import given, settings
from hypothesis import strategies as st
from link_rows import ENGINE, REQUEST, SECTOR, link_rows

from gridstone.advise import Option, gather, weighed
from gridstone.errors import UsageError
from gridstone.fit import fit
from gridstone.model import HardwareModel, OutOfDomain, Prediction, load
from gridstone.model.lines import touched

_ORDER = np.random.default_rng(1).permutation(1 << 14)[:2048]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one run of all standard cells of the link, with noise."""
    root = tmp_path_factory.mktemp("link")
    rows = link_rows()
    fixed = {"run_id", "probe", "cell_id", "metric", "unit", "better", "status", "reason", "value", "lo", "hi", "n"}
    axes = [c for c in rows.columns if c not in fixed | {"limit", "limit_kind", "device_uuid", "host"}]
    cells: dict[str, list[Any]] = {}
    for row in rows.to_dict("records"):
        own = {a: int(row[a]) if isinstance(row[a], float) else row[a] for a in axes if row[a] == row[a]}
        cells.setdefault(row["probe"], []).append((own, row["metric"], row["unit"], row["value"]))
    write_run(root / "run", cells)
    fit([root / "run"], root / "model")
    return root / "model"


@pytest.fixture(scope="module")
def model(folder: Path) -> HardwareModel:
    return load(folder)


def row_time(method: str, row_bytes: int, align: int, vector: int = 4) -> float:
    asked = touched(method, row_bytes=row_bytes, vector=vector, order=_ORDER, align=align)
    return asked.requests * REQUEST + asked.sectors * SECTOR


def best_row_time(method: str, row_bytes: int, align: int) -> float:
    """By loads of 4 bytes, or of 16 where the probe has such cells."""
    if method == "bulk":
        return row_time(method, row_bytes, align, 16)
    wide = method in ("plain", "masked") and row_bytes % 16 == 0 and align == 0
    return row_time(method, row_bytes, align, 16 if wide else 4)


@settings(max_examples=40, deadline=None)
@given(
    method=st.sampled_from(["plain", "circular", "masked", "warp_per_row"]),
    words=st.integers(40, 3000),
    shift=st.integers(0, 31),
)
def test_gathers_in_place_follow_their_requests_and_sectors(
    model: HardwareModel, method: str, words: int, shift: int
) -> None:
    answer = model.transfer_time(
        src="host", dst="device", bytes=1e6 * 4 * words, chunk=4 * words, align=4 * shift, method=f"gather/{method}"
    )
    assert answer.value == pytest.approx(1e6 * best_row_time(method, 4 * words, 4 * shift), rel=0.04)


def test_the_header_of_a_request_is_found_again(model: HardwareModel) -> None:
    law = model.functions["transfer_time"].law(src="host", dst="device", method="gather/plain", duplex=False)
    assert law.parameters["header"] == pytest.approx(20, abs=1)


def test_held_out_cells_of_each_kind_are_predicted(model: HardwareModel) -> None:
    for law in model.functions["transfer_time"].laws:
        method = str(law.keys["method"])
        if method.startswith("gather/") and "wire" in law.axes:
            assert law.quality["random"]["median"] < 0.05 + 5 * NOISE
    slow = [law for law in model.functions["corun"].laws if law.keys["kind"] == "stream"]
    assert {law.keys["beside"] for law in slow} >= {"gemv", "tensor", "h2d"}


def test_arrays_of_rows_are_answered_as_their_elements_are(model: HardwareModel) -> None:
    sizes = np.array([128.0, 2048.0, 2052.0])
    words = {"src": "host", "dst": "device", "method": "gather/masked", "align": 4}
    together = model.transfer_time(bytes=1e9, chunk=sizes, **words)
    apart = [model.transfer_time(bytes=1e9, chunk=size, **words) for size in sizes]
    assert np.array_equal(together.value, [one.value for one in apart])


def test_blocks_by_more_threads_and_both_ways(model: HardwareModel) -> None:
    words = {"src": "host", "dst": "device", "bytes": 256 << 14, "chunk": 1 << 14}
    one = model.transfer_time(method="blocks/per_block", threads=1, **words)
    four = model.transfer_time(method="blocks/per_block", threads=4, **words)
    assert one.value == pytest.approx(256 * (1.8e-6 + 5e-6 / 256), rel=0.05)
    assert four.value < 0.6 * one.value
    both = model.transfer_time(method="blocks/kernel", duplex=True, **words)
    back = model.transfer_time(**{**words, "src": "device", "dst": "host"}, method="blocks/kernel", duplex=True)
    assert both == back
    large = model.transfer_time(method="blocks/batch", src="device", dst="host", bytes=64 << 20, chunk=4 << 20)
    assert large.value == pytest.approx((64 << 20) / ENGINE, rel=0.15)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"method": "gather/plain", "bytes": 1e6}, "give chunk="),
        ({"method": "gather/staged", "bytes": 1e9, "chunk": 512, "align": 4, "threads": 1}, "align belongs"),
    ],
)
def test_wrong_arguments_get_one_line_that_helps(model: HardwareModel, words: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        model.transfer_time(src="host", dst="device", **words)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"method": "gather/bulk", "bytes": 1e9, "chunk": 2052}, "whole 16 bytes"),
        ({"method": "gather/plain", "bytes": 100, "chunk": 2048}, "less than one piece"),
        ({"method": "gather/plain", "bytes": 1e12, "chunk": 1 << 20}, "wire="),
        ({"method": "gather/plain", "bytes": 1e5, "chunk": 1024}, "rows="),
    ],
)
def test_what_was_not_measured_is_refused(model: HardwareModel, words: dict[str, Any], message: str) -> None:
    with pytest.raises(OutOfDomain, match=message):
        model.transfer_time(src="host", dst="device", **words)


def test_corun_is_answered_from_both_sides(model: HardwareModel) -> None:
    assert model.corun(kind="gather", beside="h2d").value == pytest.approx(2.1, rel=0.01)
    assert model.corun(kind="h2d", beside="gather").value == pytest.approx(1.7, rel=0.01)
    assert model.corun(kind="gemv", beside="stream", split=60).value == pytest.approx(1.96, rel=0.02)
    with pytest.raises(OutOfDomain, match="split=20"):
        model.corun(kind="gather", beside="h2d", split=20)


def test_the_choice_of_a_gather_costs_little_over_the_best(model: HardwareModel) -> None:
    regrets = []
    for row_bytes in (160, 320, 512, 1000, 1536, 2056, 2060, 2120, 3000, 5000, 12000):
        for align in (0, 4, 48, 100):
            advice = gather(model, rows=1_000_000, row_bytes=row_bytes, align=align, threads=2)
            truths = {
                o.name: best_row_time(o.name, row_bytes, align)
                for o in advice.ranking
                if o.name not in ("staged", "per_row", "batch")
            }
            assert advice.choice in truths
            regrets.append(truths[advice.choice] / min(truths.values()) - 1)
    assert np.mean(regrets) < 0.01


def test_advice_says_what_it_left_out_and_how_sure_it_is(model: HardwareModel) -> None:
    advice = gather(model, rows=10_000, row_bytes=2052, align=4, threads=1)
    assert advice.choice in ("masked", "circular")
    assert advice.ranking[0].name == advice.choice
    assert any(reason.startswith("bulk was not weighed: ") for reason in advice.because)
    assert 0 < advice.p_best <= 1
    assert 0 <= advice.regret < 0.2
    few = gather(model, rows=8, row_bytes=2048)
    assert any("fewer than 1024 rows" in reason for reason in few.because)
    with pytest.raises(UsageError, match="positive"):
        gather(model, rows=0, row_bytes=4)


@given(costs=st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=6), width=st.floats(1.0, 1.5))
def test_the_choice_is_the_least_and_chances_are_chances(costs: list[float], width: float) -> None:
    options = [
        Option(
            name=str(i),
            cost=Prediction(
                value=c, lo=c / width, hi=c * width, unit="s", in_domain=True, source="measured", level=0.95
            ),
        )
        for i, c in enumerate(costs)
    ]
    advice = weighed(options)
    assert float(advice.ranking[0].cost.value) == min(costs)
    assert 0 <= advice.p_best <= 1
    assert advice.regret >= 0


def test_nothing_to_choose_among_is_an_error() -> None:
    with pytest.raises(UsageError, match="nothing to choose among: why"):
        weighed([], ["why"])
