"""Runs on disk: what is written comes back, and what is damaged is said."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gridstone
from gridstone.store import (
    COLUMNS,
    FORMAT,
    STATUSES,
    Row,
    Run,
    StoreError,
    new_run_id,
    read,
    write_atomically,
)
from gridstone.store.schema import axes_of, rows_of, schema, table

ROW = Row(
    run_id="r",
    probe="latency/pointer_chase",
    cell_id="c0",
    metric="latency",
    unit="cycle/hop",
    better="lower",
    axes={"footprint": 4096, "pattern": "read", "sparse": False, "density": 0.5},
    status="ok",
    value=33.0,
    lo=32.5,
    hi=33.5,
    n=3,
    samples=(32.5, 33.0, 33.5),
)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    started = Run(tmp_path / "run")
    started.write_info({"run_id": "r", "status": "running"})
    return started


def in_cell(cell_id: str, **changes: object) -> Row:
    return replace(ROW, cell_id=cell_id, **changes)  # type: ignore[arg-type]


text = st.text(st.characters(codec=None), max_size=20)  # lone surrogates included
number = st.none() | st.floats()
rows = st.builds(
    Row,
    run_id=text,
    probe=st.just("host/stream"),
    cell_id=st.just("c"),
    metric=st.just("m"),
    unit=text,
    better=st.sampled_from(["lower", "higher"]),
    axes=st.fixed_dictionaries({"threads": st.integers(-(2**63), 2**63 - 1), "method": text}),
    status=st.sampled_from(STATUSES),
    reason=st.none() | text,
    value=number,
    lo=number,
    hi=number,
    n=st.integers(0, 2**31 - 1),
    samples=st.lists(st.floats(), max_size=5),
    limit=number,
    sass_ok=st.none() | st.booleans(),
    verified=st.none() | st.booleans(),
)


@given(rows)
def test_any_row_comes_back_as_it_was(row: Row) -> None:
    back = table([row]).to_pylist()[0]
    for column in COLUMNS:
        sent, got = getattr(row, column), back[column]
        if isinstance(sent, str):
            assert got == sent.encode(errors="replace").decode()
        elif column == "samples":
            assert [repr(v) for v in got] == [repr(float(v)) for v in sent]
        elif column in ("visits", "visit_mhz", "processes", "passes"):
            assert got == list(sent)
        else:
            assert repr(got) == repr(sent)
    assert back["threads"] == row.axes["threads"]
    (again,) = rows_of(table([row]))
    assert repr(table([again]).to_pylist()) == repr([back])


def test_a_file_from_before_a_column_has_nulls_there(tmp_path: Path) -> None:
    older = table([ROW]).drop_columns(["opcodes"])
    pq.write_table(older, tmp_path / "older.parquet")
    back = read(tmp_path / "older.parquet")
    assert back.schema.equals(table([ROW]).schema)
    assert back.column("opcodes").to_pylist() == [None]
    assert back.column("value").to_pylist() == [ROW.value]


@given(reason=text, method=text)
def test_hostile_text_survives_the_way_over_disk(tmp_path_factory, reason: str, method: str) -> None:
    run = Run(tmp_path_factory.mktemp("run"))
    run.write_info({"reason": reason})
    run.write_cell([in_cell("c", reason=reason, axes={"method": method})])
    run.compact()
    frame = gridstone.load(run.folder)
    assert frame["reason"][0] == reason.encode(errors="replace").decode()
    assert frame["method"][0] == method.encode(errors="replace").decode()
    assert run.info()["reason"] == reason


def test_columns_have_the_types_of_the_contract() -> None:
    arrow = table([ROW]).schema
    assert arrow.names == [*COLUMNS, *ROW.axes]
    types = {"footprint": pa.int64(), "pattern": pa.string(), "sparse": pa.bool_(), "density": pa.float64()}
    assert {name: arrow.field(name).type for name in ROW.axes} == types
    assert axes_of(arrow) == list(ROW.axes)


def test_each_column_and_status_is_documented_in_its_order() -> None:
    document = (Path(__file__).resolve().parents[2] / "docs" / "results-format.md").read_text()
    columns, statuses = document.split("## Columns")[1].split("## run.json")[0].split("### Status")
    for text, names in ((columns, COLUMNS), (statuses, STATUSES)):
        assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == list(names)


def test_an_axis_cannot_take_the_name_of_a_column() -> None:
    with pytest.raises(ValueError, match="'status' has the name of a results column"):
        schema({"status": str})


def test_rows_of_one_cell_have_the_same_axes() -> None:
    with pytest.raises(ValueError, match="different axes"):
        table([ROW, replace(ROW, axes={"footprint": 1})])


def test_a_run_reads_the_same_before_and_after_compaction(run: Run) -> None:
    run.write_cell([ROW, replace(ROW, metric="time", value=None, samples=(), status="skipped")])
    run.write_cell([in_cell("c1", value=math.nan)])
    run.write_cell([in_cell("c2", probe="host/stream", axes={"threads": 2})])
    before = gridstone.load(run.folder)
    written = run.compact()
    after = gridstone.load(run.folder)
    keys = ["probe", "cell_id", "metric"]
    assert before.sort_values(keys, ignore_index=True).equals(after.sort_values(keys, ignore_index=True))
    assert [str(p.relative_to(run.folder)) for p in written] == [
        "host/stream.parquet",
        "latency/pointer_chase.parquet",
    ]
    assert not run.parts.exists()
    assert after.attrs["axes"] == {"latency/pointer_chase": list(ROW.axes), "host/stream": ["threads"]}
    assert str(after["footprint"].dtype) == "Int64"
    assert after["samples"][0] in ([32.5, 33.0, 33.5], [])


def test_a_cell_that_is_written_again_has_its_later_rows(run: Run) -> None:
    run.write_cell([ROW])
    run.write_cell([in_cell("c1")])
    run.compact()
    run.write_cell([replace(ROW, value=99.0)])
    for _ in range(2):
        rows = gridstone.load(run.folder)
        assert dict(zip(rows["cell_id"], rows["value"], strict=True)) == {ROW.cell_id: 99.0, "c1": 33.0}
        assert [row.value for row in run.kept()[ROW.cell_id]] == [99.0]
        run.compact()


def test_a_compaction_that_was_cut_off_is_repeated(run: Run, tmp_path: Path) -> None:
    for name in ("c0", "c1"):
        run.write_cell([in_cell(name)])
    saved = tmp_path / "saved"
    shutil.copytree(run.parts, saved)
    run.compact()
    shutil.copytree(saved, run.parts)  # as if it had been killed before the parts were removed
    assert len(gridstone.load(run.folder)) == 2
    assert run.kept().keys() == {"c0", "c1"}
    run.compact()
    assert len(gridstone.load(run.folder)) == 2


def test_a_cell_that_arrives_during_compaction_is_kept(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write_cell([ROW])
    write = pq.write_table

    def write_and_let_another_arrive(*args: object, **kwargs: object) -> None:
        monkeypatch.setattr(pq, "write_table", write)
        write(*args, **kwargs)
        run.write_cell([in_cell("late")])

    monkeypatch.setattr(pq, "write_table", write_and_let_another_arrive)
    run.compact()
    assert run.kept().keys() == {"c0", "late"}


def test_compacting_nothing_writes_nothing(run: Run) -> None:
    assert run.compact() == []
    with pytest.raises(StoreError, match="no results there yet"):
        gridstone.load(run.folder)


def test_a_probe_that_changed_during_the_run_is_not_merged(run: Run) -> None:
    run.write_cell([ROW])
    run.write_cell([in_cell("c1", axes={"footprint": 1})])
    with pytest.raises(StoreError, match=r"cells with different axes: .* start a new one"):
        run.compact()
    assert run.kept().keys() == {"c0", "c1"}


def test_what_a_killed_writer_left_is_not_read(run: Run) -> None:
    run.write_cell([ROW])
    (run.parts / ROW.probe / ".c1.parquet.123.tmp").write_bytes(b"half")
    assert run.kept().keys() == {"c0"}
    run.compact()
    assert run.kept().keys() == {"c0"}


def test_a_folder_of_runs_is_one_frame(tmp_path: Path) -> None:
    for run_id in ("r0", "r1"):
        run = Run(tmp_path / "site" / run_id)
        run.write_info({"run_id": run_id})
        run.write_cell([replace(ROW, run_id=run_id)])
    assert gridstone.load(tmp_path)["run_id"].tolist() == ["r0", "r1"]


def test_one_file_can_be_loaded(run: Run) -> None:
    run.write_cell([ROW])
    assert gridstone.load(run.compact()[0])["value"].tolist() == [33.0]


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"not parquet at all", None])
def test_a_damaged_file_is_named(run: Run, damage: bytes | None) -> None:
    run.write_cell([ROW])
    part = next(run.files())
    part.write_bytes(part.read_bytes()[:-20] if damage is None else damage)
    for attempt in (run.kept, run.compact, lambda: gridstone.load(run.folder)):
        with pytest.raises(StoreError, match=r"c0\.parquet: not a readable Parquet file .*--resume"):
            attempt()
    assert part.exists()


def test_a_part_that_was_replaced_is_read_again(run: Run, tmp_path: Path) -> None:
    run.write_cell([ROW])
    other = Run(tmp_path / "other")
    other.write_cell([replace(ROW, value=44.0)])
    next(run.files()).write_bytes(next(other.files()).read_bytes())
    assert read(run.compact()[0]).column("value").to_pylist() == [44.0]


def test_no_table_of_a_part_stays_in_memory(run: Run) -> None:
    before = pa.total_allocated_bytes()
    for number in range(20):
        run.write_cell([replace(ROW, cell_id=f"c{number}")])
    assert pa.total_allocated_bytes() <= before


@given(st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_garbled_bytes_never_change_a_value_unseen(tmp_path_factory, at: int, noise: bytes) -> None:
    run = Run(tmp_path_factory.mktemp("garbled"))
    run.write_cell([ROW])
    path = next(run.files())
    whole = read(path).to_pylist()
    content = bytearray(path.read_bytes())
    content[at % len(content) : at % len(content) + len(noise)] = noise
    path.write_bytes(content)
    try:
        assert read(path).select(COLUMNS).to_pylist() == [{c: r[c] for c in COLUMNS} for r in whole]
    except StoreError as error:
        assert str(path) in str(error)


def test_foreign_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "foreign.parquet"
    pq.write_table(pa.table({"a": [1]}, metadata={"binary": b"\xff"}), path)
    with pytest.raises(StoreError, match="not written by gridstone"):
        gridstone.load(path)


def test_another_format_is_refused(run: Run) -> None:
    arrow = table([ROW])
    path = run.folder / "x.parquet"
    pq.write_table(arrow.replace_schema_metadata({"gridstone_format": "99"}), path)
    with pytest.raises(StoreError, match=f"results format 99, this gridstone reads format {FORMAT}"):
        gridstone.load(path)
    (run.folder / "run.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(StoreError, match="results format 99"):
        run.info()


def test_edited_columns_are_noticed(tmp_path: Path) -> None:
    arrow = table([ROW])
    for edited, message in (
        (arrow.drop_columns(["value"]), "column value is missing"),
        (arrow.drop_columns(["footprint"]), "column footprint is missing"),
        (
            arrow.set_column(arrow.column_names.index("value"), "value", pa.array(["fast"])),
            "column value has another type",
        ),
    ):
        path = tmp_path / "edited.parquet"
        pq.write_table(edited, path)
        with pytest.raises(StoreError, match=message):
            read(path)


@pytest.mark.parametrize("content", ["", "{", "[]", "3", "\udcff"])
def test_a_broken_run_json_is_named(run: Run, content: str) -> None:
    (run.folder / "run.json").write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(StoreError, match=r"run\.json: "):
        run.info()


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such file or folder"):
        gridstone.load(tmp_path / "none")
    with pytest.raises(StoreError, match="no gridstone run there"):
        gridstone.load(tmp_path)
    with pytest.raises(StoreError, match=r"not a gridstone run \(it has no run.json\)"):
        Run(tmp_path).info()


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "the disk is full: free some space"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "no permission to write there"),
        (errno.EROFS, "no permission to write there"),
        (errno.EIO, "Input/output error"),
    ],
)
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path: Path, number: int, remedy: str) -> None:
    path = tmp_path / "run.json"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(StoreError, match=remedy):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_cannot_be_read_is_not_passed_over(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.write_cell([ROW])
    shut = run.parts / ROW.probe.split("/")[0]
    real = os.scandir

    def scandir(place: str) -> object:
        if Path(place) == shut:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place))
        return real(place)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(StoreError, match=f"^{shut}: cannot be read"):
        gridstone.load(run.folder)


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "there"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    before = path.stat().st_ino
    with pytest.raises(StoreError, match=f"is a .*{kind}: give the name of a file"):
        write_atomically(path, lambda temporary: temporary.write_text("new"))
    with pytest.raises(StoreError, match="is a folder"):
        write_atomically(Path(), lambda temporary: temporary.write_text("new"))
    assert path.stat().st_ino == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    def mount(options: str) -> Path:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(tmp_path)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("mounting a file system needs root")
        return tmp_path

    yield mount
    if tmp_path.is_mount():
        subprocess.run(["umount", "--lazy", tmp_path], check=True)


def test_a_full_disk_loses_no_finished_cell(mounted: Callable[[str], Path]) -> None:
    run = Run(mounted("size=64k") / "run")
    run.write_cell([ROW])
    large = [float(v) ** 0.5 for v in range(50_000)]
    with pytest.raises(StoreError, match="the disk is full"):
        run.write_cell([in_cell("large", samples=large)])
    assert run.kept().keys() == {"c0"}


def test_a_folder_that_cannot_be_written(tmp_path: Path, mounted: Callable[[str], Path]) -> None:
    if os.geteuid() == 0:
        mounted("ro")
    else:
        tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="no permission to write there: choose another folder with --out"):
        Run(tmp_path / "run").write_info({})


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(StoreError, match="run"):
        Run(tmp_path / "run").write_info({})


def test_run_ids_are_unique_and_good_file_names() -> None:
    ids = {new_run_id() for _ in range(20)}
    assert len(ids) > 1
    assert all("/" not in i and i[8] == "T" and i[15] == "Z" for i in ids)
