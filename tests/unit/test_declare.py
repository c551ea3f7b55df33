"""From a declaration to cells."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.declaration import Probe, bandwidth, cell, constant, cycles, loop, pow2, probe, seconds


@probe(
    "latency/chase.cu",
    footprint=pow2("1KiB", "4KiB"),
    pattern=["read", "write"],
    unroll=[4, 8],
    knobs=["pattern", "unroll"],
    measures=[bandwidth(), seconds()],
    limit=constant(1e12, "a datasheet"),
    sass={"sm_80+": loop("LDG", count="unroll"), "sm_90": [loop("STG"), loop("BAR")]},
    where=lambda footprint, pattern, unroll: not (pattern == "write" and unroll == 8),
)
def stream(gpu, *, footprint, pattern, unroll):
    """Bytes per second.

    More text.
    """


def test_a_probe_is_named_by_its_file_and_function() -> None:
    assert stream.name == "test_declare/stream"
    assert stream.family == "test_declare"
    assert stream.doc == "Bytes per second."
    assert stream.file == Path(__file__)
    assert [a.name for a in stream.axes] == ["footprint", "pattern", "unroll"]
    assert stream.axis("unroll").standard == (4, 8)


def test_cells_vary_in_the_order_of_the_declaration_and_obey_where() -> None:
    points = list(stream.points("standard"))
    assert len(points) == 3 * 3
    assert points[0] == {"footprint": 1024, "pattern": "read", "unroll": 4}
    assert {"pattern": "write", "unroll": 8}.items() not in [p.items() for p in points]


def test_an_override_replaces_an_axis_and_a_repeated_value_counts_once() -> None:
    points = list(stream.points("quick", {"footprint": (64, 64), "unroll": iter([4])}))
    assert points == [{"footprint": 64, "pattern": p, "unroll": 4} for p in ("read", "write")]


def test_a_limit_belongs_to_the_first_metric_unless_it_is_named() -> None:
    assert set(stream.limits) == {"bandwidth"}


def test_knobs_become_macros() -> None:
    assert stream.defines({"footprint": 1024, "pattern": "read", "unroll": 8}) == {
        "PATTERN_READ": "1",
        "UNROLL": "8",
    }


def test_contracts_by_target() -> None:
    axes = {"footprint": 1024, "pattern": "read", "unroll": 8}
    assert [c.opcode for c in stream.contracts("sm_90a", axes) or []] == ["LDG", "STG", "BAR"]
    assert [c.count for c in stream.contracts("sm_100a", axes) or []] == [8]
    assert stream.contracts("sm_75", axes) is None


def _declare(**keywords) -> Probe:
    def body(gpu, **axes):
        pass

    return probe(None, **{"measures": cycles(per="hop"), **keywords})(body)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"knobs": ["unroll"]}, "'unroll' is neither an axis nor a metric"),
        ({"limit": {"speed": constant(1, "x")}}, "'speed' is neither an axis nor a metric"),
        ({"l2": "cold"}, "write 'warm' or 'flush'"),
        ({"measures": []}, "at least one metric"),
        ({"measures": [], "limit": constant(1, "x")}, "at least one metric"),
        ({"measures": [seconds(), seconds()]}, "under its own name"),
        ({"bytes": []}, "'bytes' has no value"),
        ({"bytes": [1, "a"]}, "values of one type"),
        ({"share": [0.5, float("nan")]}, "numbers that are finite, got nan"),
        ({"measures": "latency"}, "measures='latency' is no metric: write bandwidth"),
        ({"measures": seconds}, "measures=seconds is no metric"),
        ({"measures": [seconds(), None]}, "measures=None is no metric"),
        ({"family": "a/b"}, "family='a/b': write one word"),
    ],
)
def test_a_declaration_that_cannot_hold_is_refused(keywords: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _declare(**keywords)


def test_a_function_that_does_not_take_its_axes_is_refused() -> None:
    def body(host, *, bytes):
        pass

    with pytest.raises(ValueError, match=r"body\(host, \*, bytes\): .*: write body\(context, \*, threads\)"):
        probe(None, measures=seconds(), threads=[1])(body)


axes = st.dictionaries(
    st.from_regex("[a-z]{1,8}", fullmatch=True), st.integers() | st.booleans() | st.text(), min_size=1
)


@given(axes)
def test_a_cell_id_does_not_depend_on_the_order_of_the_axes(point: dict[str, int | str]) -> None:
    turned = dict(reversed(point.items()))
    assert cell(stream, point, "k").cell_id == cell(stream, turned, "k").cell_id


@given(axes, axes)
def test_other_values_or_another_source_give_another_id(a: dict[str, int], b: dict[str, int]) -> None:
    same = [(k, type(v), v) for k, v in sorted(a.items())] == [(k, type(v), v) for k, v in sorted(b.items())]
    assert (cell(stream, a, "k").cell_id == cell(stream, b, "k").cell_id) is same
    assert cell(stream, a, "k").cell_id != cell(stream, a, "other").cell_id


def test_a_cell_id_is_stable_across_versions() -> None:
    found = cell(stream, {"footprint": 1024, "pattern": "read", "unroll": 8}, "source digest")
    assert found.cell_id == "94f140bda43fdd7d"
    assert found.label == "test_declare/stream[footprint=1024,pattern=read,unroll=8]"


def test_a_probe_without_axes_is_one_cell() -> None:
    assert list(_declare().points("quick")) == [{}]


def test_some_combinations_are_for_the_full_profile_or_for_who_asks() -> None:
    @probe(
        None,
        first=["a", "b"],
        size=[1, 2, 3],
        measures=seconds(),
        standard=lambda first, size: first == "a" or size == 1,
    )
    def thinned(gpu, *, first, size):
        """One."""

    few = [("a", 1), ("a", 2), ("a", 3), ("b", 1)]
    assert [tuple(point.values()) for point in thinned.points("standard")] == few
    assert [tuple(point.values()) for point in thinned.points("quick")] == few
    assert len(list(thinned.points("full"))) == 6
    assert [tuple(point.values()) for point in thinned.points("standard", {"size": [2]})] == [("a", 2), ("b", 2)]


def test_axes_that_vary_together_make_no_product() -> None:
    @probe(
        None,
        kind=["f16", "s8"],
        depth=[16, 32],
        warps=[1, 4],
        together={("kind", "depth"): [("f16", 16), ("s8", 32)]},
        where=lambda kind, depth, warps: kind == "s8" or warps == 1,
        measures=seconds(),
    )
    def rate(gpu, *, kind, depth, warps): ...

    found = list(rate.points("standard"))
    assert [tuple(point) for point in found] == [("kind", "depth", "warps")] * 3
    assert {tuple(point.values()) for point in found} == {("f16", 16, 1), ("s8", 32, 1), ("s8", 32, 4)}
    assert [p["depth"] for p in rate.points("standard", {"kind": ["f16"]})] == [16]
    assert list(rate.points("standard", {"depth": [64]})) == []
    assert not rate.axis("depth").open


@pytest.mark.parametrize("together", [{("kind", "width"): []}, {("kind",): [], ("kind", "warps"): []}])
def test_only_axes_can_vary_together_and_each_once(together: dict) -> None:
    with pytest.raises(ValueError):
        probe(None, kind=["a"], warps=[1], together=together, measures=seconds())
