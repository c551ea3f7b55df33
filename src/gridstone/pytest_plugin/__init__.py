"""The pytest plugin: `pytest bench/`, the fixture `gauge`, and device times in pytest-benchmark's own files.

What costs time to import is imported with the first cell, so that a project which merely has gridstone
installed pays for this small file alone.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gridstone.errors import GridstoneError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from gridstone.pytest_plugin.sitting import Sitting
    from gridstone.store import Row

_SITTING: pytest.StashKey[Sitting] = pytest.StashKey()
_FOLDERS: pytest.StashKey[list[Path]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the group `gridstone`."""
    group = parser.getgroup("gridstone", "gridstone: measuring hardware")
    group.addoption(
        "--gridstone-profile",
        choices=("quick", "standard", "full"),
        default="quick",
        help="which cells `pytest bench/` measures, and for how long (default: quick)",
    )
    group.addoption(
        "--gridstone-bench",
        metavar="DIR",
        action="append",
        default=[],
        help="a folder of declarations besides gridstone's own (may be repeated)",
    )
    group.addoption(
        "--gridstone-out",
        metavar="DIR",
        default="results/runs",
        help="where runs are kept (default: results/runs)",
    )
    group.addoption("--gridstone-device", metavar="GPU", default=None, help="index or UUID of the GPU to measure")
    group.addoption("--gridstone-timeout", metavar="S", type=float, default=60.0, help="seconds per cell (default: 60)")


def bench_folders(config: pytest.Config) -> list[Path]:
    """The folders whose Python files declare probes: those of --gridstone-bench, then gridstone's own."""
    if _FOLDERS not in config.stash:
        from gridstone import content

        folders = [config.invocation_params.dir / path for path in config.getoption("gridstone_bench")]
        with contextlib.suppress(content.ContentError):
            folders.append(content.folder("bench"))
        config.stash[_FOLDERS] = [folder.resolve() for folder in folders]
    return config.stash[_FOLDERS]


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Generator[None, Any, Any]:
    """A declaration file becomes its cells, and only that: imported by name, copy.py would be `copy`."""
    collected = yield
    if file_path.suffix != ".py" or file_path.parent not in bench_folders(parent.config):
        return collected
    from gridstone.content import python_files
    from gridstone.pytest_plugin.collect import Declarations

    if file_path not in python_files(file_path.parent):
        return collected
    return [Declarations.from_parent(parent, path=file_path)]


@pytest.fixture
def gauge(request: pytest.FixtureRequest, benchmark: Any) -> Callable[..., Mapping[str, Row]]:
    """`gauge(probe, **axes)` measures one cell and returns its rows by metric name.

    probe: a Probe or its name. Axes with a single value in the profile may be left out; `4KiB` is read as on
    the command line. The rows are kept at once in a run below --gridstone-out; the device times go to
    pytest-benchmark. A cell that cannot run here skips the test; one that crashes, hangs or cannot be
    believed fails it. One cell per test.
    """
    from gridstone.pytest_plugin.one_cell import find, measure, plainly, point

    config = request.config
    profile = config.getoption("gridstone_profile")

    def gauge(probe: Any, **axes: Any) -> Mapping[str, Row]:
        with plainly():
            declared = find(bench_folders(config), probe) if isinstance(probe, str) else probe
            cell = point(declared, profile, axes)
            sitting = _sitting(request.session)
        return measure(sitting, benchmark, cell, profile)

    return gauge


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End the children, compact the run, write its status."""
    if _SITTING in session.config.stash:
        interrupted = exitstatus == pytest.ExitCode.INTERRUPTED
        session.config.stash[_SITTING].finish("interrupted" if interrupted else "complete")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say where the run is."""
    if _SITTING in config.stash:
        sitting = config.stash[_SITTING]
        terminalreporter.write_line(
            f"gridstone: {sitting.cells} cell{'' if sitting.cells == 1 else 's'} kept in {sitting.run.folder}"
        )


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """What was measured, beside what pytest-benchmark says of the host."""
    if _SITTING in config.stash:
        machine_info["gridstone"] = config.stash[_SITTING].identity()


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_compare_machine_info(
    config: pytest.Config, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> None:
    """Refuse to compare with a run of another device: the difference would say nothing of the code."""
    saved = compared_benchmark["machine_info"].get("gridstone")
    if saved is None:
        return
    from gridstone.device import discover
    from gridstone.pytest_plugin.sitting import identity

    try:
        here = identity(discover(config.getoption("gridstone_device")))
    except GridstoneError as error:
        raise pytest.UsageError(str(error)) from None
    if saved["device"] != here["device"]:
        raise pytest.UsageError(
            f"the saved run was measured on {saved['device']}, this is {here['device']}: "
            "name a run of the same device with --benchmark-compare=NUMBER"
        )
    machine_info["gridstone"] = saved  # the devices agree, so pytest-benchmark need not warn of this entry


def _sitting(session: pytest.Session) -> Sitting:
    from gridstone.pytest_plugin.sitting import Sitting

    if _SITTING not in session.config.stash:
        session.config.stash[_SITTING] = Sitting.start(session)
    return session.config.stash[_SITTING]
