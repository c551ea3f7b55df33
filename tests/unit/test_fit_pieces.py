"""transfer_time of rows and blocks, and co-run, on a machine whose laws are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fitted_link import FAR, link_model
from fitted_machine import NOISE, write_run
from hypothesis import given, settings
from hypothesis import strategies as st
from link_rows import COSTS, ENGINE, row_time

from gridstone.errors import UsageError
from gridstone.fit import fit
from gridstone.fit.blocks import switches
from gridstone.fit.cells import cells as cells_of
from gridstone.fit.cells import noise
from gridstone.model import HardwareModel, OutOfDomain, load
from gridstone.model.far import slower


@pytest.fixture(scope="module")
def model() -> HardwareModel:
    return load(link_model())


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
    assert answer.value == pytest.approx(1e6 * row_time(method, 4 * words, 4 * shift), rel=0.04)


def test_what_requests_cost_is_found_again(model: HardwareModel) -> None:
    law = model.functions["transfer_time"].law(src="host", dst="device", method="gather/plain", duplex=False)
    found = law.parameters
    assert found["header"] == COSTS["header"]
    # A request of one half is all that short rows tell; both numbers apart are told by few cells.
    assert found["request"] + found["half"] == pytest.approx(COSTS["request"] + COSTS["half"], rel=0.01)
    assert found["request"] + 2 * found["half"] == pytest.approx(COSTS["request"] + 2 * COSTS["half"], rel=0.01)
    assert found["half"] == pytest.approx(COSTS["half"], rel=0.05)


def test_random_rows_of_large_tables_wait_for_translation(model: HardwareModel) -> None:
    words = {"src": "host", "dst": "device", "method": "gather/masked", "bytes": 1e6 * 256, "chunk": 256}
    near = model.transfer_time(**words)
    for working_set in (1 << 28, 1 << 30, 3 << 30):
        far = model.transfer_time(**words, working_set=working_set)
        assert far.value / near.value == pytest.approx(slower(row_time("masked", 256, 0), working_set, FAR), rel=0.06)
    arrays = model.transfer_time(**words, working_set=np.array([1e9, 3e9]))
    assert arrays.value.shape == (2,)
    with pytest.raises(OutOfDomain, match="working_set"):
        model.transfer_time(**words, working_set=1e12)
    assert not model.transfer_time(**words, working_set=1e12, extrapolate="flag").in_domain
    with pytest.raises(UsageError, match="name one of them"):
        model.transfer_time(**{**words, "method": "gather/far"})


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


def test_few_loads_under_way_slow_a_gather_down(model: HardwareModel) -> None:
    words = {"src": "host", "dst": "device", "method": "gather/plain", "bytes": 1e9, "chunk": 2048}
    enough = model.transfer_time(**words)
    # The synthetic link answers a load after 1.2 us.
    for in_flight in (2048, 8192, 16384):
        few = model.transfer_time(**words, in_flight=in_flight)
        assert 1e9 / few.value == pytest.approx(in_flight / 1.2e-6, rel=0.2)
    assert model.transfer_time(**words, in_flight=1 << 30).value == pytest.approx(enough.value, rel=0.02)
    with pytest.raises(OutOfDomain, match="in_flight=64"):
        model.transfer_time(**words, in_flight=64)
    staged = {**words, "method": "gather/staged", "threads": 1}
    assert model.transfer_time(**staged, in_flight=64) == model.transfer_time(**staged)


def test_blocks_that_stream_cost_what_all_their_bytes_do(model: HardwareModel) -> None:
    words = {"src": "host", "dst": "device", "method": "blocks/kernel"}
    cut = [model.transfer_time(**words, bytes=32 << 20, chunk=chunk).value for chunk in (8192, 1 << 20)]
    assert cut[0] == cut[1]
    with pytest.raises(OutOfDomain, match="bytes=40960"):
        model.transfer_time(**words, bytes=40960, chunk=4096)
    with pytest.raises(OutOfDomain, match="chunk=16777216"):
        model.transfer_time(**words, bytes=32 << 20, chunk=16 << 20)
    # As few as were moved at that size: 256 of up to 512 KiB, 16 of those that are larger.
    words["method"] = "blocks/per_block"
    assert model.transfer_time(**words, bytes=16 << 22, chunk=4 << 20).in_domain
    with pytest.raises(OutOfDomain, match="rows=16 is outside what was measured"):
        model.transfer_time(**words, bytes=16 << 14, chunk=1 << 14)


@given(
    at=st.integers(1, 6),
    noise=st.lists(st.floats(-0.03, 0.03), min_size=8, max_size=8),
    gain=st.floats(0.3, 0.6),
)
def test_the_switch_of_a_driver_is_found_where_copies_become_cheaper(at: int, noise: list[float], gain: float) -> None:
    sizes = 2.0 ** np.arange(12, 20)
    seconds = np.exp(noise) * np.where(np.arange(8) <= at, 1.0, gain) * 1e-6
    (place,) = switches([(sizes, seconds), (sizes, np.sort(seconds))])
    assert sizes[at] < place < sizes[at + 1]
    assert switches([(sizes, np.sort(seconds))]) == ()


def test_several_counts_of_blocks_are_a_coordinate(tmp_path: Path) -> None:
    cells = {
        "scatter/blocks": [
            (
                {"method": "per_block", "direction": "h2d", "threads": t, "block": block, "count": count},
                "bandwidth",
                "B/s",
                block * count / (10e-6 + count * (2e-6 / t + block / ENGINE)),
            )
            for t in (1, 4)
            for block in (4096, 16384, 65536, 262144)
            for count in (16, 64, 256, 1024)
        ]
    }
    fit([write_run(tmp_path / "run", cells)], tmp_path / "model")
    model = load(tmp_path / "model")
    for count in (16, 100, 1024, 10_000):
        words = {"src": "host", "dst": "device", "method": "blocks/per_block", "chunk": 32768}
        answer = model.transfer_time(**words, bytes=count * 32768)
        assert answer.value == pytest.approx(10e-6 + count * (2e-6 + 32768 / ENGINE), rel=0.08)
    with pytest.raises(OutOfDomain, match="rows=8"):
        model.transfer_time(**words, bytes=8 * 32768)


def test_what_three_kinds_take_from_each_other_adds_up(model: HardwareModel) -> None:
    one, other = (model.corun(kind="gather", beside=kind) for kind in ("h2d", "d2h"))
    both = model.corun(kind="gather", beside="h2d+d2h")
    assert both.value == pytest.approx(one.value + other.value - 1)
    assert (both.lo <= both.value <= both.hi, both.level) == (True, 0)
    for wrong in ("h2d+", "h2d+water"):
        with pytest.raises(UsageError, match="beside="):
            model.corun(kind="gather", beside=wrong)


def test_the_noise_floor_is_what_two_passes_differ_by() -> None:
    rows = pd.DataFrame(
        {
            **{name: ["x"] * 2 for name in ("site", "run_id", "cell_id", "probe", "unit")},
            **{name: [1.0, 2.0] for name in ("value", "lo", "hi")},
            "samples": [[1.0, 1.0, 1.1, 1.1, 1.1], [2.0, 2.0]],
            "visits": [[2, 1, 2], [2]],
            "passes": [[1, 2], [1]],
        }
    )
    table = cells_of(rows, bytes=[1, 2])
    assert noise(table, ("bytes",)) == (pytest.approx(np.log(1.1) / 2), "repeated passes")
