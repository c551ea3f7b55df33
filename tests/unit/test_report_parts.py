"""Parts of the page on their own: counts, limits, tables, commands and comparisons with published values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from synthetic import synthetic_run

from gridstone.report.command import command
from gridstone.report.published import Published, comparisons, is_hopper, published, verdict
from gridstone.report.runs import select
from gridstone.report.section import Fact
from gridstone.report.select import best, label, series
from gridstone.report.speed import bars
from gridstone.report.table import table
from gridstone.report.verdict import counts, troubles


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    return select(synthetic_run(tmp_path_factory.mktemp("runs"))).rows


def test_a_cell_counts_once_whatever_its_metrics(rows: pd.DataFrame) -> None:
    assert sum(count.cells for count in counts(rows)) == rows["cell_id"].nunique()
    bad = sum(count.cells for count in counts(rows) if count.status != "ok")
    assert sum(trouble.cells for trouble in troubles(rows)) == bad > 0


def test_a_metric_that_says_nothing_of_a_cell_is_no_fault_of_the_cell(rows: pd.DataFrame) -> None:
    several = rows.groupby("cell_id")["metric"].transform("nunique") > 1
    good = rows[several & (rows.groupby("cell_id")["status"].transform(lambda one: (one == "ok").all()))]
    without = good.copy()
    without.loc[without.index[0], ["status", "reason"]] = ["skipped", "too few of them"]
    assert [(count.status, count.cells) for count in counts(without)] == [("ok", good["cell_id"].nunique())]
    assert not troubles(without)
    none = good.assign(status="skipped", reason="no such thing")
    assert [count.status for count in counts(none)] == ["skipped"] and len(troubles(none)) == 1


def test_claims_rest_on_ok_cells_only(rows: pd.DataFrame) -> None:
    dram = rows[(rows["probe"] == "bandwidth/dram") & rows["value"].notna()]
    assert (dram["status"] == "impossible").any()
    winner = best(dram)
    assert winner is not None and winner["status"] == "ok"
    assert winner["value"] < dram["value"].max()
    assert best(dram[dram["status"] != "ok"]) is None


def test_a_series_has_each_x_once_and_marks_what_is_not_ok(rows: pd.DataFrame) -> None:
    chase = rows[(rows["probe"] == "latency/pointer_chase") & rows["value"].notna()]
    found = series(chase, x="footprint", by=["stride"])
    assert [s.label for s in found] == ["stride 128 B", "stride 64 KiB", "stride 2 MiB"]
    for one in found:
        assert list(one.x) == sorted(set(one.x))
        assert all(lo <= y <= hi for lo, y, hi in zip(one.lo, one.y, one.hi, strict=True))
    assert any(bad for one in found for bad in one.flawed)


def test_limits_are_split_by_what_the_probe_does(rows: pd.DataFrame) -> None:
    axes = {"bandwidth/dram": ["pattern", "bytes"], "copy/host_device": ["direction", "method", "bytes"]}
    found = bars(rows, axes)
    dram = {bar.name: bar for bar in found if bar.probe == "bandwidth/dram"}
    assert set(dram) == {"read", "write", "copy", "scale", "triad"}
    assert all(bar.lo <= bar.share <= bar.hi <= 1.01 for bar in found)
    assert dram["read"].share == pytest.approx(0.952, abs=0.01)
    assert dram["read"].limit_kind == "memory clock x bus width x 2"


@pytest.mark.parametrize("better", ["higher", "lower"])
def test_of_cells_with_different_limits_the_nearest_to_its_own_stands_for_the_probe(
    rows: pd.DataFrame, better: str
) -> None:
    chosen = rows[(rows["probe"] == "copy/host_device") & rows["limit"].notna() & (rows["status"] == "ok")]
    one, two = chosen.head(2).to_dict("records")
    near = one | {"value": 9.0, "lo": 8.9, "hi": 9.1, "limit": 10.0}
    far = two | {"value": 15.0, "lo": 14.9, "hi": 15.1, "limit": 20.0}
    if better == "lower":  # a floor: the smaller value is the farther one
        near, far = far | {"limit": 14.0}, near | {"limit": 5.0}
    both = chosen.head(2).assign(better=better, **{c: [near[c], far[c]] for c in ("value", "lo", "hi", "limit")})
    (bar,) = bars(both, {"copy/host_device": []})
    assert bar.share == pytest.approx(0.9 if better == "higher" else 14 / 15)
    assert bar.lo < bar.share < bar.hi


def test_a_table_keeps_every_row_and_its_raw_values(rows: pd.DataFrame) -> None:
    chase = rows[rows["probe"] == "latency/pointer_chase"]
    made = table("latency/pointer_chase", chase, ["footprint", "stride"])
    assert len(made.rows) == len(chase)
    names = [column.name for column in made.columns]
    cells, _ = made.rows[0]
    assert cells[names.index("footprint")] == ("1 KiB", "1024")
    missing = [cells for cells, status in made.rows if status == "skipped"]
    assert missing and all(cells[names.index("value")] == ("–", "") for cells in missing)


def test_labels_name_numbers_and_not_words() -> None:
    assert label({"direction": "h2d", "bytes": 4096, "warps": 8}) == "host to device, 4 KiB, 8 warps"
    assert label({"direction": "one", "count": 16, "in_flight": 65536}) == "one way, count 16, in flight 64 KiB"
    assert label({"pattern": "one", "warps": 1}) == "one, 1 warp"


def test_the_command_keeps_the_axes_that_speak_of_its_probes() -> None:
    asked = ["copy/*.bytes=4KiB", "threads=1,2", "copy.method=pinned", "host/stream.bytes=1MiB"]
    info = {"request": {"profile": "quick", "seed": 3, "axes": asked, "bench": ["my probes"]}}
    text = command(["copy/host_device"], {"copy/host_device": ["direction", "method", "bytes"]}, info)
    assert text == (
        "gridstone run copy/host_device --profile quick --seed 3 -a 'copy/*.bytes=4KiB' -a copy.method=pinned "
        "--bench 'my probes'"
    )


def _fact(value: float, *, better: str = "lower", unit: str = "cycle/hop", limit: float | None = None) -> Fact:
    lo, hi = 0.999 * value, 1.001 * value
    return Fact(quantity="q", value=value, lo=lo, hi=hi, n=9, unit=unit, better=better, limit=limit)  # type: ignore[arg-type]


def _range(low: float, high: float, unit: str = "cycle/hop", quality: str = "log") -> Published:
    words = {"quantity": "q", "device": "H200", "scope": "device", "source": "a paper", "note": ""}
    return Published(low=low, high=high, unit=unit, quality=quality, **words)


@pytest.mark.parametrize(
    ("value", "expected"), [(650, "normal"), (720, "normal"), (760, "low"), (600, "normal"), (330, "impossible")]
)
def test_a_latency_beside_published_ones(value: float, expected: str) -> None:
    assert verdict(_fact(value), [_range(640, 690)])[0] == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(3.9e12, "normal"), (4.6e12, "normal"), (3.0e12, "low"), (5.0e12, "impossible")]
)
def test_a_bandwidth_beside_published_ones(value: float, expected: str) -> None:
    fact = _fact(value, better="higher", unit="B/s", limit=4.8e12)
    assert verdict(fact, [_range(3.7e12, 3.9e12, unit="B/s")])[0] == expected


def test_suspect_sources_are_shown_and_do_not_count() -> None:
    ranges = [_range(640, 690), _range(300, 330, quality="suspect")]
    (found,) = comparisons([_fact(650)], "NVIDIA H200", ranges)
    assert found.verdict == "normal" and len(found.sources) == 2
    (alone,) = comparisons([_fact(650)], "NVIDIA H200", ranges[1:])
    assert alone.verdict is None


@pytest.mark.parametrize(("value", "expected"), [(258, "normal"), (290, "normal"), (330, "low")])
def test_a_path_with_its_own_clock_counts_more_cycles_at_a_faster_sm(value: float, expected: str) -> None:
    known = replace(_range(258, 258), sm_mhz=1755)
    (found,) = comparisons([replace(_fact(value), sm_mhz=1980)], "NVIDIA H200", [known])
    assert found.verdict == expected
    (unclocked,) = comparisons([_fact(290)], "NVIDIA H200", [known])
    assert unclocked.verdict == "low"


def test_a_device_range_binds_that_device_alone() -> None:
    assert comparisons([_fact(650)], "NVIDIA H100 80GB HBM3", [_range(640, 690)]) == []


def test_the_published_file_is_sound() -> None:
    known = published()
    assert len(known) > 20
    for row in known:
        assert 0 < row.low <= row.high and row.unit and row.source, row
        assert row.scope in ("architecture", "device") and row.quality in ("log", "secondary", "suspect"), row


def test_what_a_hopper_is() -> None:
    assert is_hopper("whatever", {"gpu": {"compute_capability": [9, 0]}})
    assert not is_hopper("NVIDIA H200", {"gpu": {"compute_capability": [10, 0]}})
    assert is_hopper("NVIDIA H200", {}) and not is_hopper("NVIDIA A100-SXM4", {})


def test_the_synthetic_run_has_what_its_probes_declare(rows: pd.DataFrame) -> None:
    from gridstone.plan.catalogue import load_probes

    declared = {p.name: p for p in load_probes()}
    assert set(rows["probe"]) <= set(declared)
    for name in set(rows["probe"]):
        mine = rows[rows["probe"] == name]
        assert set(mine["metric"]) == {metric.name for metric in declared[name].metrics}, name
        assert all(mine[axis.name].notna().all() for axis in declared[name].axes), name


def test_the_command_writes_where_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from gridstone.cli.report import report

    run = synthetic_run(tmp_path, probes=("launch/sync",))
    report(run, tmp_path / "page.html")
    assert capsys.readouterr().out.strip() == str(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
