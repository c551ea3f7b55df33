"""Whatever is wrong, a person gets one line that says what and what to do, and an exit code."""

from __future__ import annotations

import errno
import importlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from faulty_cells import STEADY, environment, written
from finished_run import finished_run, sample_bench
from plan_probes import HOST_ONLY, NODE

import gridstone
import gridstone.device
from gridstone.cli import faults, main
from gridstone.store import Run
from gridstone.worker import gpu_lock

discovery, driver = (importlib.import_module(f"gridstone.device.{name}") for name in ("discover", "nvml"))
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bench: Path) -> Said:
    """Runs a command in an empty folder on a machine without a GPU: its exit code, its output, its one fault."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gridstone.device, "discover", lambda _: HOST_ONLY)

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as leaving:
            main([bench.as_posix() if word == "BENCH" else word for word in arguments])
        out, err = capsys.readouterr()
        assert isinstance(leaving.value.code, int)
        assert "Traceback" not in err
        if leaving.value.code:
            assert re.fullmatch(r"gridstone: .+\n", err), "one line"
        return leaving.value.code, out, err.removeprefix("gridstone: ").rstrip("\n")

    return call


RUN = ("run", "sample", "--bench", "BENCH")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("run", "hots"), "no probe is called hots; did you mean host?"),
        (("run", "pointer_chas"), "no probe is called pointer_chas; did you mean latency/pointer_chase?"),
        (("list", "zzz"), "no probe is called zzz; `gridstone list` shows them all"),
        ((*RUN, "-a", "sample/carry.byte=1"), "did you mean bytes? (the axes of sample/carry are method, bytes)"),
        ((*RUN, "-a", "sampel/carry.bytes=1"), "no selected probe is called sampel/carry; did you mean sample/carry?"),
        ((*RUN, "-a", "bytes"), "write probe.axis=values, such as -a host/stream.threads=1,2"),
        ((*RUN, "-a", "bytes=much"), "bytes=much is not a number (write 4096 or 4KiB)"),
        ((*RUN, "-a", "bytes=-1"), "bytes=-1 is not a number"),
        ((*RUN, "-a", "bytes=0"), "bytes=0 is outside 1 to"),
        ((*RUN, "-a", "bytes=99999999999999999999"), "is outside 1 to"),
        ((*RUN, "-a", "method=slow"), "method=slow is not one of plain, fancy"),
        ((*RUN, "-a", "bytes=[1:9"), "a range of bytes is written [low:high:x2] or [low:high:+4]"),
        ((*RUN, "-a", "bytes="), "a value of bytes is missing"),
        ((*RUN, "--shard", "9/9"), "--shard 9/9 is empty: there are only 7 cells to share"),
        ((*RUN, "--shard", "2"), "--shard 2: write i/n with i from 1 to n, such as 1/4"),
        ((*RUN, "--profile", "ful"), "no profile is called ful; did you mean full?"),
        ((*RUN, "--timeout", "soon"), "--timeout: not a duration: 'soon' (write 200ms, 60s, 10m or 1h)"),
        ((*RUN, "--budget", "0"), "a timeout or a budget must be longer than 0 s"),
        ((*RUN, "--seed", "-1"), "--seed -1: write a number from 0 to 2^63-1"),
        ((*RUN, "--seed", "x"), "(see `gridstone run --help`)"),
        ((*RUN, "--plan", "none.toml"), "none.toml: the plan cannot be read: No such file or directory"),
        ((*RUN, "--plan", "/"), "/: the plan cannot be read: Is a directory"),
        (("run", "--bench", "none"), "none: no such folder"),
        (("run", "--resume", "none"), "none: not a gridstone run (it has no run.json)"),
        (("run", "--rename"), "(see `gridstone run --help`)"),
        (("measure",), "(see `gridstone --help`)"),
        (("show",), "(see `gridstone show --help`)"),
        (("show", "none"), "none: no such file or folder"),
        (("show", "."), "no gridstone run there (no run.json in it or below it)"),
        (("compact", "none"), "none: not a gridstone run (it has no run.json)"),
        (("compact", "/dev/null"), "/dev/null: not a gridstone run (it has no run.json)"),
        (("report", "none"), "none: no such file or folder"),
    ],
)
def test_a_request_that_cannot_be(said: Said, tmp_path: Path, words: tuple[str, ...], line: str) -> None:
    code, out, fault = said(*words)
    assert (code, out) == (2, "")
    assert line in fault
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("probes = [", "the plan is not TOML"),
        ("\x00", "the plan is not TOML"),
        ("#" * (1 << 20) + "#", "no plan: it is larger than 1 MiB"),
        ("prob = []", "no key of a plan is called prob; did you mean probes?"),
        ('profile = "fast"', "no profile is called fast"),
        ('[axes]\n"sample/carry.bytes" = "x"', "bytes=x is not a number"),
        ('[axes]\n"sample/carry.weight" = 1', "no axis is called weight"),
    ],
)
def test_a_plan_that_cannot_be(said: Said, tmp_path: Path, text: str, line: str) -> None:
    (tmp_path / "plan.toml").write_text(text)
    code, _, fault = said(*RUN, "--plan", "plan.toml")
    assert code == 2
    assert line in fault


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("def", "SyntaxError"),
        ("x = 1", "no file there declares a probe (see docs/writing-a-probe.md)"),
        (
            "from gridstone import cores, probe, seconds\n"
            "@probe(None, runner='on_host', size=[1], measures=seconds(), needs=[cores(lambda axes: axes['nope'])])\n"
            "def cell(host, *, size): ...",
            "needs of broken/cell: KeyError: 'nope'",
        ),
        (
            "from gridstone import probe, seconds\n"
            "@probe(None, runner='on_host', size=[1], measures=seconds(), where=lambda size: size / 0)\n"
            "def cell(host, *, size): ...",
            "where of broken/cell: ZeroDivisionError",
        ),
        (
            "import numpy as np\nfrom gridstone import probe, seconds\n"
            "@probe(None, runner='on_host', size=np.array([1]), measures=seconds())\n"
            "def cell(host, *, size): ...",
            "needs int, float, str or bool, got int64",
        ),
        (
            "from gridstone import probe, seconds\n"
            "@probe(None, runner='on_host', n=[1], measures=seconds())\n"
            "def cell(host, *, n): ...",
            "broken/cell: the axis n has the name of a results column: rename it",
        ),
        (
            "from gridstone import probe, seconds\n@probe('no.cu', measures=seconds())\ndef cell(gpu): ...",
            "no kernel no.cu in",
        ),
        ("import sys\nsys.exit(1)", "broken.py: SystemExit: 1"),
        (
            "from gridstone import probe, seconds\n"
            "@probe(None, runner='on_moon', measures=seconds())\n"
            "def cell(moon): ...",
            "broken/cell has the runner 'on_moon': there are on_cupy, on_host",
        ),
        (
            "from gridstone import probe, seconds\n"
            "@probe(None, runner='on_host', measures=seconds())\n"
            "def cell(host): ...\n"
            "@probe(None, runner='on_host', measures=seconds())\n"
            "def cell(host): ...\n",
            "broken/cell is declared twice in",
        ),
        (
            "from gridstone import probe, seconds\n"
            "@probe(None, runner='on_host', size=3, measures=seconds())\n"
            "def cell(host, *, size): ...",
            "axis 'size' needs a list of values, got 3",
        ),
    ],
)
def test_a_declaration_that_cannot_be(said: Said, tmp_path: Path, text: str, line: str) -> None:
    folder = written(tmp_path / "mine", broken=text)
    code, _, fault = said("run", "broken", "--bench", str(folder))
    assert code == 2
    assert line in fault
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]


def test_a_folder_whose_name_is_no_text(said: Said, tmp_path: Path, complete: Run) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/nam\xff\xfee"))
    code, _, fault = said(*RUN, "--out", str(folder))
    assert code == 2
    assert "the name is not UTF-8: rename the folder, or choose another one" in fault
    complete.folder.rename(folder / "run")
    code, _, fault = said("show", str(folder / "run"))
    assert code == 2 and "the name is not UTF-8" in fault


@pytest.mark.parametrize("out", ["file", "file/below", "/dev/null/below", "/proc/below"])
def test_a_folder_that_cannot_be_made(said: Said, tmp_path: Path, out: str) -> None:
    (tmp_path / "file").touch()
    code, _, fault = said(*RUN, "--out", out)
    assert code == 2
    assert fault.endswith("choose another folder with --out")


@pytest.fixture
def complete(tmp_path: Path, bench: Path) -> Run:
    run = finished_run(tmp_path / "R", bench)
    run.compact()
    return run


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


class Card:
    """NVML of a machine with one GPU, as far as finding it goes."""

    class NVMLError(Exception):
        """Raised by nothing here."""

    def __init__(self, version: str = "580.65") -> None:
        self.version = version

    def __getattr__(self, name: str) -> Callable[..., object]:
        answers = {
            "nvmlDeviceGetCount": 1,
            "nvmlDeviceGetHandleByIndex": "card",
            "nvmlDeviceGetPciInfo": SimpleNamespace(busId="0000:01:00.0"),
            "nvmlDeviceGetUUID": "GPU-1",
            "nvmlDeviceGetName": "Card A",
            "nvmlSystemGetDriverVersion": self.version,
        }
        return lambda *_: answers[name]


@pytest.fixture
def card(said: Said, monkeypatch: pytest.MonkeyPatch) -> Card:
    """A machine with a GPU, seen through NVML."""
    made = Card()
    monkeypatch.setattr(gridstone.device, "discover", discovery.discover)
    for module in (discovery, driver):
        monkeypatch.setattr(module, "nvml", lambda: made)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return made


@pytest.mark.parametrize("listed", ["7", "GPU-7", "nonsense", "0,7"])
def test_visible_devices_that_are_not_there(
    said: Said, card: Card, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    code, _, fault = said(*RUN)
    assert code == 2
    assert fault.startswith(f"CUDA_VISIBLE_DEVICES={listed}: no GPU {listed.removeprefix('0,')} here (1 found): unset")
    assert said("doctor")[0] == 0


@pytest.mark.parametrize("listed", ["", "-1", " , "])
def test_visible_devices_that_hide_the_gpu(
    said: Said, card: Card, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", listed)
    code, _, fault = said("run", "sample/walk", "--bench", "BENCH")
    assert code == 3
    assert f"CUDA_VISIBLE_DEVICES={listed!r} hides every GPU: unset it to measure one" in fault
    assert said("run", "sample/carry", "--bench", "BENCH", "--dry-run")[0] == 0
    assert said("run", "--device", "0")[0] == 2


def test_a_driver_that_is_too_old_costs_the_gpu_only(said: Said, card: Card) -> None:
    card.version = "470.1"
    reason = "driver 470 is too old: gridstone needs 525 or later, update it"
    code, _, fault = said("run", "sample/walk", "--bench", "BENCH")
    assert code == 3
    assert reason in fault
    assert said("run", "sample/walk", "--bench", "BENCH", "--device", "0")[::2] == (3, reason)
    code, out, _ = said("run", "sample", "--bench", "BENCH", "--dry-run")
    assert code == 0
    assert f"skip sample/walk, 1 cell: {reason}" in out


@pytest.mark.parametrize("selector", ["1", "GPU-2", "x", "-1", ""])
def test_a_gpu_that_is_not_there(said: Said, card: Card, monkeypatch: pytest.MonkeyPatch, selector: str) -> None:
    code, _, fault = said(*RUN, f"--device={selector}")
    assert (code, fault) == (2, f"--device {selector}: no such GPU; visible are 0: Card A")


def test_a_gpu_that_another_run_measures(said: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gridstone.device, "discover", lambda _: NODE)
    with gpu_lock(NODE):
        code, _, fault = said(*RUN, "--out", "runs")
    assert code == 3
    assert fault == (
        "NVIDIA H200 (GPU-1) is being measured by another gridstone process: wait for it, "
        "or choose another GPU with --device"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_machine_that_can_measure_none_of_it(said: Said, tmp_path: Path) -> None:
    code, _, fault = said("run", "sample/walk", "sample/meet", "-a", "threads=64", "--bench", "BENCH")
    assert code == 3
    assert fault.startswith("this machine can measure none of it: ")
    assert fault.endswith("(see `gridstone doctor`)")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("status", ["unverified", "skipped"])
def test_numbers_that_nobody_checked_are_kept_and_are_no_success(
    said: Said, tmp_path: Path, bench: Path, status: str
) -> None:
    run = finished_run(tmp_path / "R", bench, status)
    code, out, fault = said("run", "--resume", str(run.folder), "--no-report")
    assert code == 3
    assert fault.endswith(
        "no cell gave a value to believe: machine code: nvdisasm is missing: pip install nvidia-cuda-nvdisasm"
    )
    assert f"{status} sample/carry, 4 cells" in out
    assert gridstone.load(run.folder)["value"].notna().all()


def test_a_report_that_fails_hides_no_result(said: Said, complete: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Path:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "report.html")

    monkeypatch.setattr("gridstone.report.render", fail)
    code, out, fault = said("run", "--resume", str(complete.folder))
    assert (code, fault) == (2, "report.html: No space left on device")
    assert "4 of 4" in out
    assert f"run     {complete.folder}" in out


def test_a_defect_is_one_line_too(said: Said, complete: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("gridstone.store.load", fail)
    assert said("show", str(complete.folder))[::2] == (70, "defect in gridstone: ZeroDivisionError: two lines")


def process(*words: str, **streams: object) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "gridstone", *words]
    return subprocess.run(command, env=environment(), timeout=60, **streams)  # type: ignore[call-overload]


def test_streams_that_take_nothing() -> None:
    with Path("/dev/full").open("w") as full:
        unwritten = process("--version", stdout=full, stderr=subprocess.PIPE)
        unsaid = process("run", "nonsense", stdout=subprocess.PIPE, stderr=full)
    assert unwritten.returncode == 2
    assert unwritten.stderr == b"gridstone: the output cannot be written: No space left on device\n"
    assert (unsaid.returncode, unsaid.stdout) == (2, b"")


def test_streams_that_know_ascii_only(complete: Run) -> None:
    """`±` is in every table."""
    shown = subprocess.run(
        [sys.executable, "-m", "gridstone", "show", str(complete.folder)],
        env=environment() | {"PYTHONIOENCODING": "ascii"},
        capture_output=True,
        timeout=60,
    )
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"sample/carry" in shown.stdout and shown.stdout.isascii()


@pytest.mark.parametrize("columns", ["0", "1", "40", "much"])
@pytest.mark.parametrize("command", [("show",), ("doctor", "--bench", "BENCH")], ids=lambda words: words[0])
def test_a_narrow_terminal_cuts_no_number(
    said: Said, complete: Run, monkeypatch: pytest.MonkeyPatch, columns: str, command: tuple[str, ...]
) -> None:
    words = (*command, str(complete.folder)) if command == ("show",) else command
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=1 << 36))  # the disk is in use meanwhile
    _, wide, _ = said(*words)
    monkeypatch.setenv("COLUMNS", columns)
    _, narrow, _ = said(*words)
    assert set(re.findall(r"[\w.]+", narrow)) >= {word for word in re.findall(r"[\w.]+", wide) if len(word) < 25}


def test_a_current_folder_that_is_gone(tmp_path: Path) -> None:
    command = f"mkdir gone && cd gone && rmdir ../gone && '{sys.executable}' -m gridstone run host"
    made = subprocess.run(command, shell=True, cwd=tmp_path, env=environment(), capture_output=True, timeout=60)
    assert made.returncode == 2
    assert made.stderr == b"gridstone: the current folder is gone, change to another one: No such file or directory\n"


def test_an_interrupt_while_modules_load_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.__import__", interrupted)
    with pytest.raises(SystemExit) as leaving:
        main(["--version"])
    assert leaving.value.code == 130


def test_the_first_signal_to_end_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def put_away(_: object) -> int:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGHUP)  # while it is being put away
        return 0

    handlers = {number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setattr(faults, "_done", put_away)
    try:
        with pytest.raises(SystemExit) as left:
            faults.main([])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert left.value.code == 128 + signal.SIGTERM


def test_another_thread_decides_on_no_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_done", lambda _: 0)
    with ThreadPoolExecutor(1) as pool, pytest.raises(SystemExit) as left:
        pool.submit(faults.main, []).result(60)
    assert left.value.code == 0


def test_streams_that_are_closed() -> None:
    command = f"'{sys.executable}' -m gridstone list host >&- 2>&-"
    assert subprocess.run(command, shell=True, env=environment(), timeout=60).returncode == 0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(place)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_stops_a_run_that_goes_on_later(
    tmp_path: Path, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRIDSTONE_TEST_VISITS", str(tmp_path / "visits"))
    monkeypatch.setenv("GRIDSTONE_TEST_HANG_AT", "0")
    bench = written(tmp_path / "steady", steady=STEADY)
    options = ("--bench", str(bench), "--out", str(small_disk), "--profile", "quick", "--no-report")
    full = process("run", "steady", *options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    (folder,) = small_disk.iterdir()
    assert full.returncode == 2
    last = full.stderr.decode().splitlines()[-1]
    assert last.startswith(f"gridstone: {folder}")
    assert last.endswith(": the disk is full: free some space, then try again (a run goes on with --resume)")
    before = gridstone.load(folder)
    assert 0 < before["cell_id"].nunique() < 6
    subprocess.run(["mount", "-o", "remount,size=10m", small_disk], check=True)
    more = process("run", "--resume", str(folder), "--no-report", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert more.returncode == 0, more.stderr
    after = gridstone.load(folder)
    assert len(after) == 12
    assert not after.duplicated(["cell_id", "metric"]).any()
    assert len(after.merge(before, on=["cell_id", "metric", "t_utc"])) == len(before)
