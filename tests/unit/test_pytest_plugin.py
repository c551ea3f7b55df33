"""The pytest plugin, run inside pytest with a crew that gives known samples."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas  # noqa: F401  (pytester forgets what an inner run imported, and pandas bears no second import)
import pytest

import gridstone
import gridstone.pytest_plugin.one_cell
from gridstone.declaration import Cell, Gpu, Machine, Samples
from gridstone.device import Reading
from gridstone.measure import Taken
from gridstone.pytest_plugin import sitting
from gridstone.pytest_plugin.replay import device_seconds
from gridstone.stats import PROFILES
from gridstone.store import Row
from gridstone.worker import Failure, Outcome, Visit

DECLARATION = '''
"""Two probes."""
from gridstone import bandwidth, constant, probe, seconds
from gridstone.declaration import cores


@probe(bytes=[1000, 2000], method=["load"], measures=[bandwidth(), seconds()], runner="on_host",
       limit=constant(1e10, "a datasheet"))
def sweep(host, *, bytes, method):
    """A sweep."""


@probe(threads=[1, 4096], measures=seconds(), runner="on_host", needs=[cores(lambda a: a["threads"])])
def wait(host, *, threads):
    """A wait."""
'''
CARD = Gpu(
    name="Card A",
    uuid="GPU-1",
    compute_capability=(9, 0),
    memory=1 << 30,
    multiprocessors=4,
    sm_hz_max=1e9,
    mem_hz_max=1e9,
    bus_bits=256,
    l2=1 << 20,
    pcie_gen=5,
    pcie_width=16,
)
MACHINE = Machine(host="node", cpu="a CPU", cores=4, memory=1 << 30)
SECONDS = (2e-6, 1e-6, 3e-6, 1e-6, 3e-6)
SLOWED = Reading(sm_mhz=1000.0, mem_mhz=1000.0, power_w=300.0, temperature_c=80.0, throttle=frozenset({"sw_power_cap"}))


class KnownCrew:
    """Stands in for the children: every cell takes SECONDS, or ends in the status that the test sets."""

    status = "ok"
    seconds = SECONDS
    wall_s = 10.0  # no cell can pay for another visit
    asked: list[int]

    def __init__(self, *, machine: Machine, log_dir: Path, timeout_s: float) -> None:
        KnownCrew.asked = []

    def __enter__(self) -> KnownCrew:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def visit(self, cell: Cell, samples: int, *_: object) -> Visit | Failure:
        KnownCrew.asked.append(samples)
        if KnownCrew.status in ("crashed", "timeout"):
            return Failure(status=KnownCrew.status, reason="out of luck")
        seconds = np.resize(KnownCrew.seconds, samples)
        work = 1e12 if KnownCrew.status == "impossible" else 1000.0
        taken = Taken(
            samples=Samples(seconds=seconds, work=work),
            readings=(SLOWED,) if KnownCrew.status == "throttled" else (),
            verified=KnownCrew.status != "unverified",
        )
        return Visit(taken=taken, process=1, work_s=KnownCrew.wall_s, wall_s=KnownCrew.wall_s)


@pytest.fixture
def site(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder with declarations, where pytest has this plugin and pytest-benchmark and no other."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(sitting, "Crew", KnownCrew)
    monkeypatch.setattr(sitting, "discover", lambda _: MACHINE)
    monkeypatch.setattr("gridstone.device.discover", lambda _: MACHINE)
    monkeypatch.setattr(sitting, "provenance", lambda _: {})
    monkeypatch.setattr("pytest_benchmark.plugin.get_cpu_info", dict)
    monkeypatch.setattr(KnownCrew, "status", "ok")
    pytester.makeini(
        "[pytest]\naddopts = -p gridstone.pytest_plugin -p pytest_benchmark.plugin -p no:cacheprovider "
        "--gridstone-bench probes"
    )
    pytester.mkdir("probes").joinpath("copy.py").write_text(DECLARATION)
    return pytester


def test_declarations_are_collected_as_cells(site: pytest.Pytester) -> None:
    result = site.runpytest("probes", "--collect-only", "-q")
    result.stdout.fnmatch_lines(
        [
            "probes/copy.py::copy/sweep[[]bytes=1000-method=load]",
            "probes/copy.py::copy/sweep[[]bytes=2000-method=load]",
            "probes/copy.py::copy/wait[[]threads=1]",
            "probes/copy.py::copy/wait[[]threads=4096]",
            "4 tests collected*",
        ]
    )
    assert not site.path.joinpath("results").exists()


def test_cells_are_measured_kept_and_replayed(site: pytest.Pytester) -> None:
    result = site.runpytest("probes", "--benchmark-json=out.json", "-rs")
    result.assert_outcomes(passed=3, skipped=1)
    result.stdout.fnmatch_lines(
        ["gridstone: 4 cells kept in *", "SKIPPED*needs 4096 CPU cores, this process may use 4"]
    )
    frame = gridstone.load(site.path / "results" / "runs")
    assert sorted(frame["status"]) == ["ok"] * 5 + ["skipped"]
    assert not list(site.path.rglob("parts"))
    info = json.loads(next(site.path.rglob("run.json")).read_text())
    assert (info["status"], info["counts"]) == ("complete", {"ok": 3, "skipped": 1})

    saved = json.loads(site.path.joinpath("out.json").read_text())
    assert saved["machine_info"]["gridstone"]["device"] == "a CPU"
    first = saved["benchmarks"][0]
    assert first["name"] == "copy/sweep[bytes=1000-method=load]"
    assert first["group"] == "copy/sweep"
    assert first["stats"]["data"] == list(SECONDS)
    assert first["stats"]["median"] == 2e-6
    row = frame[frame["cell_id"] == first["extra_info"]["cell_id"]].iloc[0]
    assert row["run_id"] == first["extra_info"]["run_id"] == saved["machine_info"]["gridstone"]["run_id"]
    assert first["extra_info"]["bandwidth (GB/s)"] == pytest.approx(0.5)
    assert first["extra_info"]["bandwidth_of_limit"] == pytest.approx(0.05)


def test_one_file_or_one_cell_may_be_named(site: pytest.Pytester) -> None:
    site.runpytest("probes/copy.py").assert_outcomes(passed=3, skipped=1)
    site.runpytest("probes/copy.py::copy/wait[threads=1]").assert_outcomes(passed=1)
    site.runpytest("probes/copy.py::copy/sweep").assert_outcomes(passed=2)
    site.runpytest("probes", "-k", "sweep and 2000").assert_outcomes(passed=1, deselected=3)


def test_disabled_benchmarks_take_one_sample_and_keep_no_statistics(site: pytest.Pytester) -> None:
    result = site.runpytest("probes", "--benchmark-disable")
    result.assert_outcomes(passed=3, skipped=1)
    assert set(KnownCrew.asked) == {1}
    assert "Rounds" not in result.stdout.str()
    assert len(gridstone.load(site.path / "results" / "runs")) == 6


def test_an_interrupted_session_keeps_what_is_finished(site: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    visit = KnownCrew.visit

    def interrupt_the_second(crew: KnownCrew, cell: Cell, samples: int, *_: object) -> Visit | Failure:
        if KnownCrew.asked:
            raise KeyboardInterrupt
        return visit(crew, cell, samples)

    monkeypatch.setattr(KnownCrew, "visit", interrupt_the_second)
    ran = site.inline_run("probes", no_reraise_ctrlc=True)
    assert ran.ret == pytest.ExitCode.INTERRUPTED
    assert len(gridstone.load(site.path / "results" / "runs")) == 2
    info = json.loads(next(site.path.rglob("run.json")).read_text())
    assert info["status"] == "interrupted"


def test_the_profile_decides_how_often_a_cell_is_visited(
    site: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KnownCrew, "wall_s", 0.02)
    for profile in ("quick", "standard"):
        site.runpytest("probes", "-k", "1000", f"--gridstone-profile={profile}")
        assert len(KnownCrew.asked) == math.ceil(PROFILES[profile].budget_s / 0.02)  # far from any target until then


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("crashed", "out of luck"),
        ("timeout", "out of luck"),
        ("impossible", "beyond its limit"),
        ("unverified", "the result differs"),
    ],
)
def test_no_number_fails_with_the_reason_and_is_kept(
    site: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, status: str, reason: str
) -> None:
    monkeypatch.setattr(KnownCrew, "status", status)
    result = site.runpytest("probes", "-k", "sweep", "--benchmark-json=out.json")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines([f"*bandwidth {status}: {reason}*"])
    frame = gridstone.load(site.path / "results" / "runs")
    assert set(frame.loc[frame["metric"] == "bandwidth", "status"]) == {status}


def test_a_throttled_cell_passes_and_says_so(site: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnownCrew, "status", "throttled")
    site.runpytest("probes", "-k", "1000", "--benchmark-json=out.json").assert_outcomes(passed=1, deselected=3)
    saved = json.loads(site.path.joinpath("out.json").read_text())
    assert saved["benchmarks"][0]["extra_info"]["bandwidth_status"] == "throttled"


def test_regressions_of_device_times_are_noticed(site: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    options = ("probes", "-k", "sweep")
    site.runpytest(*options, "--benchmark-autosave").assert_outcomes(passed=2, deselected=2)
    compare = ("--benchmark-compare", "--benchmark-compare-fail=median:5%")
    assert site.runpytest(*options, *compare).ret == 0
    monkeypatch.setattr(KnownCrew, "seconds", (4e-6,))
    result = site.runpytest(*options, *compare)
    assert result.ret != 0
    assert "Performance has regressed" in result.stdout.str() + result.stderr.str()


def test_a_run_of_another_gpu_is_not_compared(site: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    site.runpytest("probes", "--benchmark-autosave")
    node = replace(MACHINE, gpu=CARD, gpus=1)
    monkeypatch.setattr("gridstone.device.discover", lambda _: node)
    result = site.runpytest("probes", "--benchmark-compare")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: the saved run was measured on a CPU, this is Card A: name a run of*"])


GAUGE_TEST = """
import pytest

def test_cell(gauge):
    rows = gauge({arguments})
    assert rows["bandwidth"].value == pytest.approx(0.5e9)
    assert rows["bandwidth"].axes == {{"bytes": 2000, "method": "load"}}
"""


@pytest.mark.parametrize("value", ["2000", "'2KB'"])
def test_gauge_measures_one_cell_by_name(site: pytest.Pytester, value: str) -> None:
    file = site.makepyfile(GAUGE_TEST.format(arguments=f"'copy/sweep', bytes={value}"))
    site.runpytest(file, "--benchmark-json=out.json").assert_outcomes(passed=1)
    saved = json.loads(site.path.joinpath("out.json").read_text())
    assert saved["benchmarks"][0]["stats"]["rounds"] == len(SECONDS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("'copy/swep', bytes=2000", "no probe 'copy/swep'; did you mean copy/sweep?"),
        ("'copy/sweep', byte=2000", "copy/sweep has no axis 'byte': it has bytes, method"),
        ("'copy/sweep'", "copy/sweep: say which bytes, it has 2 values"),
        ("'copy/sweep', bytes='much'", "bytes=much is not a number"),
        ("'copy/sweep', bytes=2000, method='store'", "method=store is not one of load"),
    ],
)
def test_what_gauge_cannot_measure_is_said(site: pytest.Pytester, arguments: str, message: str) -> None:
    result = site.runpytest(site.makepyfile(GAUGE_TEST.format(arguments=arguments)))
    result.assert_outcomes(failed=1)
    assert message in result.stdout.str()


def test_a_folder_without_permission_is_one_line(site: pytest.Pytester) -> None:
    site.path.joinpath("closed").write_text("a file")
    result = site.runpytest("probes", "--gridstone-out=closed", "-k", "1000")
    result.assert_outcomes(failed=1, deselected=3)
    assert "Traceback" not in result.stdout.str()


def test_a_broken_declaration_is_a_collection_error(site: pytest.Pytester) -> None:
    site.path.joinpath("probes", "copy.py").write_text("1 / 0")
    result = site.runpytest("probes")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*copy.py: ZeroDivisionError: division by zero"])


def test_other_projects_are_left_alone(site: pytest.Pytester) -> None:
    site.makepyfile(copy="1 / 0", test_a="def test_a(benchmark): benchmark(lambda: 1)")
    result = site.runpytest("--benchmark-json=out.json", "--ignore=probes")
    result.assert_outcomes(passed=1)
    assert "gridstone" not in json.loads(site.path.joinpath("out.json").read_text())["machine_info"]
    assert not site.path.joinpath("results").exists()


def test_the_plugin_alone_imports_nothing_heavy(site: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(gridstone.__file__).parents[1]))
    site.makeini("[pytest]\naddopts = -p gridstone.pytest_plugin")
    site.makepyfile(
        "import sys\n"
        "def test_a():\n"
        "    heavy = {'numpy', 'pandas', 'pyarrow', 'scipy', 'numba', 'pynvml', 'cupy'} & set(sys.modules)\n"
        "    assert not heavy"
    )
    site.runpytest_subprocess().assert_outcomes(passed=1)


def _row(**changes: object) -> Row:
    common = {
        "run_id": "r",
        "probe": "p",
        "cell_id": "c",
        "metric": "m",
        "better": "lower",
        "axes": {},
        "status": "ok",
    }
    return Row(**{**common, "unit": "s", **changes})  # type: ignore[arg-type]


def test_seconds_come_from_the_clock_a_metric_or_cycles() -> None:
    rows = (_row(unit="cycle/hop", sm_mhz=1000.0, samples=(30.0, 40.0)), _row(samples=(1.0,)))
    assert device_seconds(Outcome(rows=rows, seconds=(2.0, float("nan")))) == [2.0]
    assert device_seconds(Outcome(rows=rows)) == [1.0]
    assert device_seconds(Outcome(rows=rows[:1])) == pytest.approx([30e-9, 40e-9])
    assert device_seconds(Outcome(rows=(_row(unit="W", samples=(300.0,)),))) == []
