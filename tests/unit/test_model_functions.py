"""A fitted model gives back the machine that it was fitted to, and refuses what it was not."""

from __future__ import annotations

import numpy as np
import pytest
from fitted_machine import (
    GPU_CELLS,
    NODE,
    SM_HZ,
    chase_cycles,
    graph_time,
    h2d_time,
    host_stream_bandwidth,
    model_folder,
    stream_bandwidth,
)

from gridstone.errors import GridstoneError, UsageError
from gridstone.model import HardwareModel, ModelError, OutOfDomain, load


@pytest.fixture(scope="module")
def model() -> HardwareModel:
    return load(model_folder())


@pytest.mark.parametrize("footprint", [1500, 90_000, 300_000, 5_000_000, 700_000_000])
def test_chase_follows_the_ladder(model, footprint):
    answer = model.memory_time(pattern="chase", bytes=128 * 1000, working_set=footprint, unit="cycle")
    assert answer.value == pytest.approx(1000 * chase_cycles(footprint), rel=0.03)
    assert answer.unit == "cycle"
    seconds = model.memory_time(pattern="chase", bytes=128 * 1000, working_set=footprint)
    assert seconds.value == pytest.approx(answer.value / SM_HZ)


def test_levels_name_working_sets_typical_of_them(model):
    for level, cycles in (("l1", 33), ("l2", 260), ("dram", 820), ("shared", 23)):
        one_access = 4 if level == "shared" else 128
        answer = model.memory_time(pattern="chase", bytes=one_access, level=level, unit="cycle")
        assert answer.value == pytest.approx(cycles, rel=0.01)
        assert answer.source == "measured"


@pytest.mark.parametrize("working_set", [3 << 20, 100 << 20, 5 << 30])
def test_streams_run_at_the_best_bandwidth_of_their_working_set(model, working_set):
    answer = model.memory_time(pattern="read", bytes=2 * working_set, working_set=working_set)
    assert answer.value == pytest.approx(2 * working_set / stream_bandwidth(working_set), rel=0.02)
    assert answer.lo <= answer.value <= answer.hi
    assert answer.in_domain


def test_arrays_are_answered_as_their_elements_are(model):
    sizes = 2.0 ** np.linspace(3, 29, 40)
    ask = {
        "transfer_time": [{"src": "host", "dst": "device", "bytes": s} for s in sizes],
        "launch_overhead": [{"mode": "cupy/submit", "n": s} for s in sizes],
        "memory_time": [{"pattern": "read", "bytes": 2.0**29, "working_set": max(s, 2.0**20)} for s in sizes],
        "host_time": [{"kind": "gather", "granule": g, "n": 9, "working_set": 2**28} for g in np.geomspace(64, 1024)],
    }
    for function, questions in ask.items():
        one_by_one = [getattr(model, function)(**q) for q in questions]
        columns = {k: np.array([q[k] for q in questions]) for k, v in questions[0].items() if isinstance(v, float)}
        together = getattr(model, function)(**{**questions[0], **columns})
        for part in ("value", "lo", "hi", "in_domain", "source", "level"):
            column = getattr(together, part)
            assert column.shape == (len(questions),)
            assert column.tolist() == pytest.approx([getattr(a, part) for a in one_by_one])
        assert isinstance(one_by_one[0].value, float) and isinstance(one_by_one[0].in_domain, bool)


def test_one_element_outside_refuses_the_array_and_is_named(model):
    sizes = np.array([[64.0, 4096.0], [2.0**31, 8.0]])
    with pytest.raises(OutOfDomain, match=r"^bytes=2147483648 is outside"):
        model.transfer_time(src="host", dst="device", bytes=sizes)
    answer = model.transfer_time(src="host", dst="device", bytes=sizes, extrapolate="flag")
    assert answer.in_domain.tolist() == [[True, True], [False, True]]
    assert answer.source.tolist() == [["measured", "measured"], ["extrapolated", "measured"]]


def test_a_longer_copy_never_takes_less(model):
    sizes = np.unique(np.concatenate([2.0 ** np.linspace(2, 30, 2000), 2.0 ** np.arange(2, 31)]))
    for words in ({"src": "host", "dst": "device"}, {"src": "device", "dst": "host", "method": "mapped"}):
        assert (np.diff(model.transfer_time(**words, bytes=sizes).value) >= 0).all()


def test_a_stream_is_at_least_one_pass_over_its_working_set(model):
    with pytest.raises(OutOfDomain, match=r"^bytes=1048576 is outside what was measured \(at least 8589934592\)"):
        model.memory_time(pattern="read", bytes=2**20, working_set=2**33)
    narrow = model.memory_time(pattern="read", bytes=2**33, working_set=2**33)
    wide = model.memory_time(pattern="read", bytes=2**30, working_set=2**33, extrapolate="flag")
    assert (wide.in_domain, wide.source) == (False, "extrapolated")
    assert wide.hi / wide.lo > narrow.hi / narrow.lo


def test_a_level_stands_for_the_working_set_in_it_that_is_nearest_to_the_bytes(model):
    for size, working_set in ((2**30, 2**30), (2**35, 2**33), (2**28, 2**28)):
        by_level = model.memory_time(pattern="read", bytes=size, level="dram")
        assert by_level == model.memory_time(pattern="read", bytes=size, working_set=working_set)
    with pytest.raises(OutOfDomain, match=r"^bytes=1048576"):
        model.memory_time(pattern="read", bytes=2**20, level="dram")


def test_a_stream_takes_at_least_one_access(model):
    tiny = model.memory_time(pattern="read", bytes=64, working_set=8 << 30, extrapolate="flag")
    assert tiny.value == pytest.approx(820 / SM_HZ, rel=0.02)
    assert not tiny.in_domain


@pytest.mark.parametrize("size", [4, 3000, 100_000, 20_000_000, 1 << 30])
def test_transfers_are_a_latency_and_a_bandwidth_by_piece(model, size):
    answer = model.transfer_time(src="host", dst="device", bytes=size)
    assert answer.value == pytest.approx(h2d_time(size), rel=0.02)
    both = model.transfer_time(src="host", dst="device", bytes=size, duplex=True)
    assert both.value == pytest.approx(1.1 * h2d_time(size), rel=0.02)
    assert model.transfer_time(src="device", dst="host", bytes=size, duplex=True) == both


def test_transfers_within_the_device_take_no_method(model):
    answer = model.transfer_time(src="device", dst="device", bytes=1 << 30)
    assert answer.value == pytest.approx(2e-6 + 2**30 / 2e12, rel=0.02)


def test_launches_are_proportional_and_graphs_are_not(model):
    once, often = (model.launch_overhead(mode="cupy/submit", n=n) for n in (1, 1000))
    assert often.value == pytest.approx(1000 * once.value)
    for nodes in (1, 100, 700):
        assert model.launch_overhead(mode="graph/linear", n=nodes).value == pytest.approx(graph_time(nodes), rel=0.02)
    slope = (
        model.launch_overhead(mode="graph/linear", n=600).value
        - model.launch_overhead(mode="graph/linear", n=300).value
    )
    assert slope / 300 == pytest.approx(NODE, rel=0.03)


def test_host_work(model):
    n = 4 << 30
    answer = model.host_time(kind="stream/triad", n=n, threads=6)
    assert answer.value == pytest.approx(n / host_stream_bandwidth(6), rel=0.05)
    gather = model.host_time(kind="gather", n=1000, threads=2, granule=256, working_set=2**28)
    assert gather.value == pytest.approx(1000 * (8e-8 + 256 / 1e10) / 2, rel=0.01)
    copied = model.host_time(kind="memcpy", n=3 << 20, threads=1)
    assert copied.value == pytest.approx(2e-7 + (3 << 20) / 9e9, rel=0.02)
    written = model.host_time(kind="file/write/page_cache", n=3 << 20)
    assert written.value == pytest.approx(2e-5 + (3 << 20) / 4e9, rel=0.02)


def test_measured_points_answer_with_the_measurement_and_others_say_so(model):
    on = model.transfer_time(src="host", dst="device", bytes=4096)
    off = model.transfer_time(src="host", dst="device", bytes=5000)
    assert (on.source, off.source) == ("measured", "interpolated")
    assert on.in_domain and off.in_domain


@pytest.mark.parametrize(
    ("function", "arguments", "argument"),
    [
        ("memory_time", {"pattern": "chase", "bytes": 128, "working_set": 2**33}, "working_set"),
        ("memory_time", {"pattern": "chase", "bytes": 4096, "working_set": 4096, "granule": 64}, "granule"),
        ("transfer_time", {"src": "host", "dst": "device", "bytes": 2**32}, "bytes"),
        ("launch_overhead", {"mode": "graph/linear", "n": 5000}, "n"),
        ("host_time", {"kind": "stream/copy", "n": 2**30, "threads": 64}, "threads"),
    ],
)
def test_outside_its_box_a_function_refuses_until_it_is_asked_to_flag(model, function, arguments, argument):
    ask = getattr(model, function)
    with pytest.raises(OutOfDomain, match=rf"^{argument}=.* outside .*extrapolate=\"flag\"") as refusal:
        ask(**arguments)
    assert isinstance(refusal.value, GridstoneError)
    answer = ask(**arguments, extrapolate="flag")
    assert not answer.in_domain
    assert answer.source == "extrapolated"
    assert answer.lo < answer.value < answer.hi


def test_intervals_widen_with_the_distance_from_the_box(model):
    def spread(size: float) -> float:
        answer = model.transfer_time(src="host", dst="device", bytes=size, extrapolate="flag")
        return answer.hi / answer.lo

    assert spread(2**29 * 1.5) < spread(2**31) < spread(2**33)


@pytest.mark.parametrize("size", [0, -1, float("nan"), float("inf")])
def test_sizes_that_are_no_sizes_are_refused_even_when_flagged(model, size):
    with pytest.raises(OutOfDomain, match="not a positive number"):
        model.transfer_time(src="host", dst="device", bytes=size, extrapolate="flag")


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("memory_time", {"pattern": "reed", "bytes": 1}, "did you mean read"),
        ("memory_time", {"pattern": "read", "bytes": 1, "level": "l2", "working_set": 5}, "not both"),
        (
            "memory_time",
            {"pattern": "read", "bytes": 1, "granule": 4},
            "takes no granule .it takes bytes, working_set.",
        ),
        ("memory_time", {"pattern": "copy", "bytes": 1, "level": "l1"}, "was not told apart"),
        ("memory_time", {"pattern": "chase", "bytes": 9, "level": "sharde"}, "level=sharde .*did you mean shared"),
        ("memory_time", {"pattern": "chase", "bytes": 9, "level": "shared", "granule": 8}, "granule=4 only"),
        ("transfer_time", {"src": "host", "dst": "host", "bytes": 1}, "memcpy"),
        ("transfer_time", {"src": "device", "dst": "host", "bytes": 1, "method": "pageable"}, "not measured together"),
        ("launch_overhead", {"mode": "cupi/submit"}, "did you mean cupy/submit"),
        ("host_time", {"kind": "gather", "n": 1}, "needs granule="),
        ("host_time", {"kind": "chase", "n": 1, "working_set": 4096, "threads": 2}, "one thread only"),
        ("host_time", {"kind": "memcpy", "n": 4096, "granule": 4}, "takes no granule"),
    ],
)
def test_wrong_words_get_one_line_that_helps(model, function, arguments, message):
    with pytest.raises(UsageError, match=message) as error:
        getattr(model, function)(**arguments)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("word", ["flagg", "Refuse", True, None])
@pytest.mark.parametrize("size", [1 << 20, 1 << 50], ids=["inside", "outside"])
def test_a_word_that_is_neither_refuse_nor_flag_extrapolates_nothing(model, word, size):
    with pytest.raises(UsageError, match='write "refuse" or "flag"'):
        model.transfer_time(src="host", dst="device", bytes=size, extrapolate=word)


def test_facts_name_the_machine_and_its_headlines(model):
    assert model.facts.identity["device"] == "Test GPU"
    assert model.facts.identity["gpu"]["multiprocessors"] == 132
    measured = model.facts.measured
    assert measured["latency_l2"].value == pytest.approx(260, rel=0.01)
    assert measured["bandwidth_dram_read"].value == pytest.approx(4.4e12, rel=0.02)
    assert measured["bandwidth_copy_h2d"].value == pytest.approx(2**30 / h2d_time(2**30), rel=0.01)
    assert measured["clock_sm"].value == SM_HZ


def test_an_unfed_function_says_what_it_lacked(tmp_path):
    from fitted_machine import write_run

    from gridstone.fit import FUNCTIONS, fit

    copies = {"copy/device": GPU_CELLS["copy/device"]}
    fit([write_run(tmp_path / "run", copies)], tmp_path / "model")
    model = load(tmp_path / "model")
    assert set(model.absent) == {function.NAME for function in FUNCTIONS} - {"transfer_time"}
    with pytest.raises(ModelError, match="not in the runs: 33 probes of latency, cache, bandwidth"):
        model.memory_time(pattern="chase", bytes=128)
