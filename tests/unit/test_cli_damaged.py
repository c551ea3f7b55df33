"""Results that are damaged, foreign or of another request are told in one line, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from said_by_cli import Said

import gridstone
import gridstone.device
from gridstone.store import Run


def damaged(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    pq.write_table(change(pq.read_table(path)), path)


def replaced(name: str, values: list[object], kind: pa.DataType) -> Callable[[Path], None]:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, pa.array(values * len(table), kind))

    return lambda path: damaged(path, change)


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (lambda p: p.write_bytes(b""), "not a readable Parquet file"),
        (lambda p: p.write_bytes(p.read_bytes()[:-20]), "not a readable Parquet file"),
        (lambda p: p.write_bytes(p.read_bytes()[: p.stat().st_size // 2]), "not a readable Parquet file"),
        (lambda p: p.write_bytes(bytes(range(256)) * 40), "not a readable Parquet file"),
        (lambda p: p.write_bytes(b"PAR1" + bytes(500) + b"PAR1"), "not a readable Parquet file"),
        (lambda p: (p.unlink(), p.mkdir()), "not a readable Parquet file"),
        (lambda p: (p.unlink(), p.symlink_to("/nowhere")), "not a readable Parquet file"),
        (lambda p: pq.write_table(pa.table({"a": [1]}), p), "Parquet, but not written by gridstone"),
        (lambda p: damaged(p, lambda t: t.drop_columns(["metric"])), "the column metric is missing"),
        (lambda p: damaged(p, lambda t: t.append_column("value", t["value"])), "the column value is there twice"),
        (replaced("value", ["fast"], pa.string()), "the column value has another type"),
        (replaced("bytes", [[1]], pa.list_(pa.int64())), "the column bytes has another type"),
        (replaced("metric", [None], pa.string()), "the column metric lacks values"),
        (replaced("status", ["splendid"], pa.string()), "the column status holds splendid, which is no status"),
        (replaced("cell_id", [None], pa.string()), "the column cell_id lacks values"),
        (replaced("bytes", [None], pa.int64()), "the column bytes lacks values"),
        (
            lambda p: damaged(p, lambda t: t.replace_schema_metadata({"gridstone_format": "99"})),
            "results format 99, this gridstone reads format",
        ),
        (lambda p: damaged(p, lambda t: t.replace_schema_metadata({"gridstone_format": "1"})), "names no axes"),
        (
            lambda p: damaged(
                p, lambda t: t.replace_schema_metadata({"gridstone_format": "1", "gridstone_axes": "value"})
            ),
            "the column value is said to be an axis",
        ),
    ],
)
@pytest.mark.parametrize("command", [("show",), ("run", "--no-report", "--resume"), ("report",)], ids=lambda c: c[0])
def test_results_that_are_damaged_or_foreign(
    said: Said, complete: Run, damage: Callable[[Path], object], line: str, command: tuple[str, ...]
) -> None:
    (file,) = complete.files()
    damage(file)
    code, _, fault = said(*command, str(complete.folder))
    assert code == 2
    assert fault.startswith(f"{file}: ")
    assert line in fault


def test_a_damaged_file_that_is_removed_is_measured_again_and_no_other(said: Said, complete: Run, bench: Path) -> None:
    (file,) = complete.files()
    file.unlink()
    code, out, _ = said("run", "--resume", str(complete.folder), "--dry-run")
    assert code == 0
    assert out.splitlines()[-1] == "4 cells to measure, 0 to skip, seed 1"


def test_a_complete_run_is_resumed_to_no_effect(said: Said, complete: Run) -> None:
    before = gridstone.load(complete.folder)
    code, out, _ = said("run", "--resume", str(complete.folder), "--no-report", "--json")
    assert (code, json.loads(out)["left"]) == (0, 0)
    assert gridstone.load(complete.folder).equals(before)
    assert complete.info()["counts"] == {"ok": 4}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("3", "not written by gridstone (it names no format)"),
        ("{}", "not written by gridstone (it names no format)"),
        ('{"format": 99}', "results format 99, this gridstone reads format 1"),
        ('{"format": 1}', "the run does not record a request that this gridstone understands"),
        ('{"format": 1, "cells": 3}', "cells is not what gridstone writes there"),
        ('{"format": 1, "request": "all"}', "request is not what gridstone writes there"),
        ('{"format": 1, "request": {"seed": 1, "probes": [1]}}', "does not record a request"),
        ('{"format": 1, "request": {"seed": "1"}}', "does not record a request"),
        ('{"format": 1, "request": {"seed": 1, "shape": "round"}}', "does not record a request"),
        ('{"format": 1, "request": {"seed": 1, "bench": ["/none"]}}', "/none: no such folder"),
        ('{"format": 1, "gpu": [1], "cells": [["x"]], "request": {"seed": 1}}', "this run was begun with other cells"),
    ],
)
def test_a_run_json_that_cannot_be_resumed(said: Said, complete: Run, text: str, line: str) -> None:
    (complete.folder / "run.json").write_text(text)
    code, _, fault = said("run", "--resume", str(complete.folder))
    assert code == 2
    assert line in fault
    assert said("show", str(complete.folder), "--json")[0] == 0


@pytest.mark.parametrize("option", [("-a", "bytes=1"), ("--profile", "quick"), ("--seed", "3"), ("--out", "x")])
def test_a_resumed_run_measures_what_it_was_begun_with(said: Said, complete: Run, option: tuple[str, str]) -> None:
    code, _, fault = said("run", "--resume", str(complete.folder), *option)
    assert code == 2
    assert "--resume measures what the run was begun with: leave out" in fault


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("sample/carrry",), "no probe of this run is called sample/carrry; did you mean sample/carry?"),
        (("--metric", "bandwith"), "no metric is called bandwith; did you mean bandwidth?"),
        (("--sort", "vallue"), "--sort vallue: there is no such column; did you mean value?"),
    ],
)
def test_what_a_run_does_not_hold(said: Said, complete: Run, options: tuple[str, ...], line: str) -> None:
    code, _, fault = said("show", str(complete.folder), *options)
    assert (code, fault) == (2, line)
