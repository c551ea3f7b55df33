"""What the passes of a run differ by, and what it does to intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.measure.drift import widened
from gridstone.stats import estimate
from gridstone.store import Row
from gridstone.store.schema import table


def cell(number: int, first: float, second: float | None, metric: str = "time", value: float | None = None) -> Row:
    samples = [first] * 6 if second is None else [first] * 6 + [second] * 3
    visits = [3, 3] if second is None else [3, 3, 3]
    processes = list(range(1, 1 + len(visits)))
    found = estimate(*np.split(samples, np.cumsum(visits)[:-1]), processes=processes)
    return Row(
        run_id="r",
        probe="copy/device",
        cell_id=f"c{number}",
        metric=metric,
        unit="s",
        better="lower",
        axes={"bytes": number},
        status="ok",
        value=found.value if value is None else value,
        lo=found.lo,
        hi=found.hi,
        n=found.n,
        samples=samples,
        visits=visits,
        processes=processes,
        passes=[2] if second is None else [2, 1],
    )


def test_no_interval_is_narrower_than_the_spread_between_passes() -> None:
    rng = np.random.default_rng(1)
    rows = [cell(i, 1.0, 1.0 + d) for i, d in enumerate(rng.normal(0, 0.05, 400))]
    found = widened(table(rows)).to_pandas()
    drift = found["drift"].iloc[0]
    assert drift == pytest.approx(1.5 * 0.05, rel=0.2)
    assert (found["lo"] <= found["value"] * (1 - drift) * (1 + 1e-12)).all()
    assert (found["hi"] >= found["value"] * (1 + drift) * (1 - 1e-12)).all()


def test_passes_that_agree_leave_intervals_as_they_are() -> None:
    before = table([cell(i, 2.0, 2.0) for i in range(9)])
    after = widened(before)
    assert after.column("drift").to_pylist() == [0.0] * 9
    assert after.select(["lo", "hi"]).equals(before.select(["lo", "hi"]))


def test_a_few_cells_at_a_step_do_not_speak_for_all() -> None:
    rows = [cell(i, 1.0, 1.5 if i < 5 else 1.0) for i in range(100)]
    assert widened(table(rows)).column("drift").to_pylist() == [0.0] * 100


def visited(number: int, rng: np.random.Generator, *, processes: float, moments: float, unit: str = "cycle") -> Row:
    """A cell of two passes of three processes, with these standard deviations between processes and moments."""
    levels = np.repeat(1 + rng.normal(0, moments / np.sqrt(2), 2), 3) + rng.normal(0, processes, 6)
    samples = np.repeat(levels, 3).tolist()
    made = {"unit": unit, "samples": samples, "visits": [3] * 6, "processes": list(range(6)), "passes": [3, 3]}
    return replace(cell(number, 1.0, 1.0, value=float(np.median(samples))), **made)


@pytest.mark.parametrize("processes", [0.001, 0.02])
def test_what_processes_differ_by_in_cycles_is_no_drift(processes: float) -> None:
    rng = np.random.default_rng(2)
    rows = [visited(i, rng, processes=processes, moments=0.0) for i in range(400)]
    assert widened(table(rows)).column("drift").to_pylist()[0] < 1.5 * 0.4 * processes


@pytest.mark.parametrize("processes", [0.0, 0.01, 0.05])
def test_drift_is_found_beside_what_processes_differ_by(processes: float) -> None:
    rng = np.random.default_rng(3)
    rows = [visited(i, rng, processes=processes, moments=0.05) for i in range(400)]
    assert widened(table(rows)).column("drift").to_pylist()[0] == pytest.approx(1.5 * 0.05, rel=0.2)


def test_what_processes_differ_by_in_time_is_drift() -> None:
    rng = np.random.default_rng(2)
    rows = [visited(i, rng, processes=0.05, moments=0.0, unit="s") for i in range(400)]
    assert widened(table(rows)).column("drift").to_pylist()[0] == pytest.approx(1.5 * 0.05 * np.sqrt(2 / 3), rel=0.2)


def test_a_pass_of_one_process_cannot_tell_what_processes_differ_by() -> None:
    rng = np.random.default_rng(4)
    rows = [visited(i, rng, processes=0.05, moments=0.0) for i in range(400)]
    alone = [replace(row, processes=[1, 1, 1, 2, 2, 2]) for row in rows]
    assert widened(table(alone)).column("drift").to_pylist()[0] > 0.05


def test_a_clock_that_differs_between_the_passes_is_no_drift_of_cycles() -> None:
    rng = np.random.default_rng(5)
    clocks = [1980.0] * 3 + [1995.0] * 3
    rows = []
    for number in range(40):
        levels = np.array(clocks) / 1980.0 + rng.normal(0, 1e-4, 6)
        made = {"samples": np.repeat(levels, 3).tolist(), "visits": [3] * 6, "visit_mhz": clocks, "unit": "cycle"}
        rows.append(replace(cell(number, 1.0, 1.0), **made, processes=list(range(6)), passes=[3, 3]))
    assert widened(table(rows)).column("drift").to_pylist()[0] < 1e-4
    unknown = [replace(row, visit_mhz=[]) for row in rows]
    assert widened(table(unknown)).column("drift").to_pylist()[0] > 0.007


def test_metrics_are_kept_apart_and_one_pass_says_nothing() -> None:
    rows = [cell(0, 1.0, 1.2), cell(1, 1.0, None, metric="bandwidth"), cell(2, 0.0, 0.0, metric="power", value=0.0)]
    found = widened(table(rows)).to_pylist()
    assert found[0]["drift"] > 0.1
    assert (found[1]["drift"], found[2]["drift"]) == (None, None)
    assert found[1]["lo"] == rows[1].lo


@given(st.lists(st.tuples(st.floats(0.5, 2), st.floats(0.5, 2)), min_size=1, max_size=8))
def test_twice_is_as_good_as_once_and_intervals_only_grow(pairs: list[tuple[float, float]]) -> None:
    before = table([cell(i, a, b) for i, (a, b) in enumerate(pairs)])
    once = widened(before)
    assert widened(once).equals(once)
    for row, wider in zip(before.to_pylist(), once.to_pylist(), strict=True):
        assert wider["lo"] <= row["lo"] <= row["value"] <= row["hi"] <= wider["hi"]


def test_shares_do_not_drift_and_an_interval_that_said_so_is_taken_back() -> None:
    rows = [replace(cell(i, 0.5, 1.0), unit="1", drift=0.6, lo=0.1, hi=1.6) for i in range(4)]
    found = widened(table(rows)).to_pylist()
    for row, one in zip(rows, found, strict=True):
        expected = estimate(*np.split(np.array(row.samples), [3, 6]), processes=row.processes)
        assert (one["drift"], one["lo"], one["hi"]) == (None, expected.lo, expected.hi)


def test_watts_of_an_earlier_version_are_brought_to_their_mean() -> None:
    rows = [replace(cell(i, 700.0, 640.0, metric="power"), unit="W") for i in range(5)]
    once = widened(table(rows))
    assert once.column("value").to_pylist() == pytest.approx([680.0] * 5)
    assert widened(once).equals(once)
