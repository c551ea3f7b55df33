"""Whatever is wrong with what was asked for, a person gets one line that says what and what to do, and an exit code."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from faulty_cells import written
from finished_run import finished_run
from said_by_cli import RUN, Said

import gridstone
import gridstone.device
from gridstone.store import Run


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
        ((*RUN, "-a", "bytes=0"), "bytes=0 is below 1"),
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
