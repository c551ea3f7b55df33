"""What ends or fails around a command: streams, terminals, folders, signals and disks."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from faulty_cells import STEADY, environment, written
from said_by_cli import Said

import gridstone
import gridstone.device
from gridstone.cli import faults, main
from gridstone.store import Run


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
    kept = before.merge(after, on=["cell_id", "metric"])
    assert len(kept) == len(before)
    assert all(list(row.processes_y[: len(row.processes_x)]) == list(row.processes_x) for row in kept.itertuples())
