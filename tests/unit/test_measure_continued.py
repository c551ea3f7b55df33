"""The row of a metric whose passes were made in two sessions is that of one session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plan_probes import NODE

from gridstone.declaration import Samples, cell, cycles, observed, per_sm_clock, probe, rate, seconds
from gridstone.device import Reading
from gridstone.measure import Code, Taken, continued, failed, rows
from gridstone.store import Row

CODE = Code(sha256="0" * 64, sass_ok=True)
THROTTLE = st.frozensets(st.sampled_from(["sw_power_cap", "display_clocks", "hw_thermal"]))


@probe(
    None,
    family="first",
    measures=[seconds(), cycles(per="hop"), rate(unit="flop/s"), observed(name="power", unit="W")],
    limit={"rate": per_sm_clock(1e6, "a table")},
)
def work(gpu: object) -> None:
    """Some work."""


CELL = cell(work, {}, "source")


def values(count: int) -> st.SearchStrategy[np.ndarray]:
    one = st.floats(1e-6, 1e6) | st.just(float("nan"))
    return st.lists(one, min_size=count, max_size=count).map(np.array)


@st.composite
def visits(draw: st.DrawFn) -> Taken:
    count = draw(st.integers(1, 5))
    taken = Samples(
        seconds=draw(values(count)),
        cycles=draw(values(count)),
        sm_hz=np.full(count, draw(st.sampled_from([1.95e9, 1.98e9, float("nan")]))),
        observed={"power": draw(values(count))},
    )
    number = st.none() | st.floats(1, 3000)
    readings = st.builds(
        Reading, sm_mhz=number, mem_mhz=number, power_w=number, temperature_c=number, throttle=THROTTLE
    )
    return Taken(
        samples=taken,
        readings=tuple(draw(st.lists(readings, max_size=2))),
        verified=draw(st.none() | st.booleans()),
    )


def one_visit(seconds_taken: float, sm_hz: float) -> Taken:
    once = Samples(
        seconds=np.array([seconds_taken]),
        cycles=np.ones(1),
        sm_hz=np.array([sm_hz]),
        observed={"power": np.array([float("nan")])},
    )
    return Taken(samples=once, readings=(), verified=None)


def made(taken: Sequence[Taken], processes: Sequence[int], passes: Sequence[int]) -> list[Row]:
    return [replace(row, passes=list(passes), wall_s=1.0) for row in rows(CELL, taken, processes, CODE, NODE, "r")]


def lists(row: Row) -> str:
    """What is known of each visit, with all NaN alike; no clock at all is nothing known."""
    names = ("samples", "visits", "processes", "passes", "visit_mhz")
    return repr([np.asarray(getattr(row, name), dtype=float).tolist() for name in names])


@example([one_visit(float("nan"), 1.95e9)], [one_visit(1.0, float("nan"))])
@given(st.lists(visits(), min_size=1, max_size=4), st.lists(visits(), min_size=1, max_size=4))
def test_two_sessions_give_the_row_of_one(first: list[Taken], second: list[Taken]) -> None:
    ids = [[at % 3 for at in range(len(first))], [10 + at % 3 for at in range(len(second))]]
    counts = [len(first), len(second)]
    one = made([*first, *second], [*ids[0], *ids[1]], counts)
    two = zip(made(first, ids[0], counts[:1]), made(second, ids[1], counts[1:]), strict=True)
    for whole, (before, after) in zip(one, two, strict=True):
        row = continued(before, after, None, NODE)
        assert lists(row) == lists(whole)
        same = ("value", "lo", "hi", "n", "verified", "throttle", "kernel_sha256", "sass_ok", "opcodes")
        assert [getattr(row, name) for name in same] == [getattr(whole, name) for name in same]
        assert row.wall_s == 2.0
        # A session with a clock and no usable sample hands over no limit, though one session of both has it.
        lost = None in (before.limit, after.limit)
        assert row.limit_kind == whole.limit_kind or (lost and row.limit_kind is None)
        for name in ("sm_mhz", "mem_mhz", "power_w", "temperature_c", "limit"):
            known = [v for v in (getattr(before, name), getattr(after, name)) if v is not None]
            found = getattr(row, name)
            if name != "limit" or len(known) == 2:
                assert (found is None) == (not known)
            assert not known or found is None or min(known) * (1 - 1e-12) <= found <= max(known) * (1 + 1e-12)


@given(visits(), st.integers(1, 3))
def test_a_session_that_adds_the_same_state_changes_none_of_it(visit: Taken, times: int) -> None:
    one = made([visit] * times, [1] * times, [times])
    for row in one:
        again = continued(row, row, None, NODE)
        names = ("sm_mhz", "mem_mhz", "power_w", "temperature_c", "throttle", "verified", "limit", "limit_kind")
        assert [getattr(again, name) for name in names] == [getattr(row, name) for name in names]
        assert (again.status, again.reason) == (row.status, row.reason)


def visit(level: float, **more: object) -> Taken:
    samples = Samples(seconds=np.full(3, level), cycles=np.full(3, level), observed={"power": np.full(3, level)})
    return replace(Taken(samples=samples, readings=(), verified=True), **more)  # type: ignore[arg-type]


def both(first: Taken, second: Taken, problem: str | None = None) -> Row:
    before, after = made([first] * 2, [1, 2], [2])[0], made([second] * 2, [3, 4], [2])[0]
    return continued(before, after, problem, NODE)


def test_a_wrong_result_of_either_session_is_one_of_both() -> None:
    for first, second in ((True, False), (False, True)):
        row = both(visit(1.0, verified=first), visit(1.0, verified=second))
        assert (row.status, row.verified) == ("unverified", False)
    assert both(visit(1.0), visit(1.0, verified=None)).verified is True
    assert both(visit(1.0), visit(1.0), "the loop is empty").reason == "machine code: the loop is empty"


def test_processes_of_two_sessions_with_one_id_are_two() -> None:
    before, after = made([visit(1.0)] * 2, [1, 1], [2])[0], made([visit(2.0)] * 2, [1, 1], [2])[0]
    apart = continued(before, replace(after, processes=[2, 2]), None, NODE)
    row = continued(before, after, None, NODE)
    assert (row.lo, row.hi) == (apart.lo, apart.hi) == (1.0, 2.0)
    assert row.processes == [1, 1, 1, 1]


@pytest.mark.parametrize("status", ["crashed", "timeout", "skipped"])
def test_a_failure_before_any_visit_keeps_what_there_was(status: str) -> None:
    before = made([visit(1.0)] * 2, [1, 2], [2])[0]
    after = failed(CELL, status, "no answer", NODE, "r", CODE)[0]
    row = continued(before, after, None, NODE)
    assert row == replace(before, status=status, reason="no answer", t_utc=after.t_utc)


def test_a_metric_that_had_no_sample_has_those_of_the_added_pass() -> None:
    nothing = visit(float("nan"))
    row = both(nothing, visit(2.0))
    assert (row.status, row.value, row.visits, row.passes) == ("ok", 2.0, [0, 0, 3, 3], [2, 2])
    row = both(nothing, nothing)
    assert (row.status, row.value, row.visits, row.passes) == ("unverified", None, [0, 0, 0, 0], [2, 2])
