"""Ranks that are started, timed and ended; one that fails costs its cell and leaves nothing behind."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gridstone import content, ranks
from gridstone.declaration import Cell, Machine, Probe, cell
from gridstone.ranks import attempts
from gridstone.worker import Crew, Failure, Visit

_HERE = Path(__file__).parent
_MARK = "GRIDSTONE_TEST_OF_RANKS"


@pytest.fixture(scope="module")
def faulty() -> Probe:
    found: Probe = content.load_module(_HERE / "faulty_ranks.py").faulty
    return found


@pytest.fixture(scope="module")
def worlds() -> ModuleType:
    return content.load_module(content.folder("runners") / "mpi_world.py")


@pytest.fixture
def crew(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    monkeypatch.setenv(_MARK, str(tmp_path))
    with Crew(machine=machine, log_dir=tmp_path, timeout_s=20.0) as found:
        yield found


def _cell(probe: Probe, **axes: Any) -> Cell:
    return cell(probe, axes, "source")


def _left(mark: Path) -> list[int]:
    """Processes whose environment has the mark of a test, but for this one."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        pid = int(entry.parent.name)
        try:
            marked = f"{_MARK}={mark}".encode() in entry.read_bytes()
            state = (entry.parent / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if marked and state != "Z" and pid != os.getpid():
            found.append(pid)
    return found


def _gone(mark: Path, within_s: float = 15.0) -> list[int]:
    """What is left of them, once they have had time to end."""
    until = time.monotonic() + within_s
    while (left := _left(mark)) and time.monotonic() < until:
        threading.Event().wait(0.05)
    return left


def test_an_mpiexec_keeps_its_sockets_where_no_other_left_any(worlds: ModuleType, library: str) -> None:
    world = worlds.World(ranks.installations()[library], 2, 2)
    try:
        world.meet()
        left = Path(tempfile.gettempdir()) / f"ompi.{world._started.processes[0].pid}"
        folder = Path(world._started._folder.name)
        assert not left.exists()
        assert library == "mpich" or any(folder.iterdir())
    finally:
        world.close()
    assert not folder.exists()


@pytest.mark.parametrize("size", [2, 4])
def test_the_slowest_rank_is_the_sample(crew: Crew, faulty: Probe, library: str, size: int, tmp_path: Path) -> None:
    visit = crew.visit(_cell(faulty, library=library, ranks=size, fault="none"), 3)
    assert isinstance(visit, Visit), visit
    samples = visit.taken.samples
    assert visit.taken.verified is True
    assert samples.seconds.shape == (3,) and (samples.seconds > 0).all()
    assert samples.observed["lateness"].shape == (3 * size,)
    assert (samples.observed["imbalance"] >= 0).all()
    assert _left(tmp_path)
    crew.__exit__()
    assert _gone(tmp_path) == []


_REASONS = {
    "raises": "rank 1 of 2: ZeroDivisionError: one of them divides by nothing",
    "exits": r"rank \d of 2 on \S+ died",  # mpiexec may end the other one first
    "killed": r"rank \d of 2 on \S+ died",
    "unavailable": "this rank has no such thing",
}


@pytest.mark.parametrize("fault", list(_REASONS))
def test_a_rank_that_fails_says_which_and_why(
    crew: Crew, faulty: Probe, library: str, fault: str, tmp_path: Path
) -> None:
    failure = crew.visit(_cell(faulty, library=library, ranks=2, fault=fault), 3)
    assert isinstance(failure, Failure)
    assert failure.status == ("skipped" if fault == "unavailable" else "crashed")
    assert re.search(_REASONS[fault], failure.reason), failure.reason
    after = crew.visit(_cell(faulty, library=library, ranks=2, fault="none"), 1)
    assert isinstance(after, Visit), after
    crew.__exit__()
    assert _gone(tmp_path) == []


def test_ranks_that_hang_are_ended(
    machine: Machine, faulty: Probe, library: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv(_MARK, str(tmp_path))
    with Crew(machine=machine, log_dir=tmp_path, timeout_s=3.0) as crew:
        failure = crew.visit(_cell(faulty, library=library, ranks=2, fault="hangs"), 3)
        assert isinstance(failure, Failure)
        assert (failure.status, failure.reason) == ("timeout", "no answer within 3 s")
        assert _gone(tmp_path) == []


def test_a_result_that_one_rank_has_wrong_is_noticed(crew: Crew, faulty: Probe, library: str) -> None:
    visit = crew.visit(_cell(faulty, library=library, ranks=4, fault="wrong"), 1)
    assert isinstance(visit, Visit) and visit.taken.verified is False


def test_nothing_outlives_a_parent_that_is_killed(library: str, tmp_path: Path) -> None:
    before = _segments()
    load = "import sys; sys.path.insert(0, sys.argv[1]); from test_failing_ranks import serve"
    script = f"{load}; serve(sys.argv[2], sys.argv[3])"
    environment = os.environ | {_MARK: str(tmp_path), "PYTHONPATH": str(Path(content.__file__).parents[1])}
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(_HERE), library, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"measuring\n"
    assert len(_left(tmp_path)) > 4
    process.kill()
    process.wait()
    assert _gone(tmp_path) == []
    assert _segments() <= before


def _segments() -> set[str]:
    """Shared memory that MPI has left a name on."""
    return {p.name for p in Path("/dev/shm").glob("*") if p.name.startswith(("mpich_shm_", "sm_seg", "vader_seg"))}


def serve(library: str, folder: str) -> None:
    """Hold ranks until this process is killed."""
    probe = content.load_module(_HERE / "faulty_ranks.py").faulty
    here = Machine(host="here", cpu="some CPU", cores=2, memory=1 << 30)
    with Crew(machine=here, log_dir=Path(folder)) as crew:
        assert isinstance(crew.visit(_cell(probe, library=library, ranks=2, fault="none"), 1), Visit)
        sys.stdout.write("measuring\n")
        sys.stdout.flush()
        crew.visit(_cell(probe, library=library, ranks=2, fault="hangs"), 1)


def test_ranks_of_another_version_are_refused(library: str, worlds: ModuleType, monkeypatch: Any) -> None:
    ours = worlds._rank.revision()
    monkeypatch.setattr(worlds._rank, "revision", lambda: "9.9-abc")
    with pytest.raises(worlds.RankFailed, match=f"ranks 0, 1 on .* run gridstone {ours}, this is 9.9-abc: install"):
        worlds.World(ranks.installations()[library], 2, 2).meet()


def test_the_wrong_mpiexec_is_named(library: str, worlds: ModuleType, monkeypatch: Any) -> None:
    both = "import subprocess as s, sys; [p.wait() for p in [s.Popen(sys.argv[1:]) for _ in range(2)]]"
    alone = f"{sys.executable} -c '{both}'"
    monkeypatch.setenv("GRIDSTONE_MPI_LAUNCH", alone)
    monkeypatch.setenv("GRIDSTONE_MPI_ADDRESS", "127.0.0.1")
    _without_options(monkeypatch)
    with pytest.raises(worlds.RankFailed, match="each found itself one of 1: it is not the mpiexec of the MPI library"):
        worlds.World(ranks.installations()[library], 2, 2).meet()


def _without_options(monkeypatch: Any) -> None:
    monkeypatch.setattr(ranks.installed, "_PASSED_ON", ())


@pytest.mark.parametrize(
    ("launch", "message"),
    [
        ("sh -c 'echo this is an Error of the launcher >&2; exit 3'", "exit code 3: this is an Error of the launcher"),
        ("true", "true ended with exit code 0"),
    ],
)
def test_an_mpiexec_that_fails_says_what_it_said(
    library: str, worlds: ModuleType, monkeypatch: Any, launch: str, message: str
) -> None:
    monkeypatch.setenv("GRIDSTONE_MPI_LAUNCH", launch)
    with pytest.raises(worlds.RankFailed, match=message):
        worlds.World(ranks.installations()[library], 2, 2).meet()


def test_strangers_on_the_socket_are_ignored(library: str, worlds: ModuleType, monkeypatch: Any) -> None:
    command: Callable[..., list[str]] = ranks.Installation.command
    stranger = (
        "import os, socket, sys; s = socket.create_connection((sys.argv[-2], int(sys.argv[-1]))); "
        's.sendall(b\'{"token": "guess", "rank": 0, "size": 2}\\n\'); os.execvp(sys.argv[1], sys.argv[1:])'
    )
    monkeypatch.setattr(ranks.Installation, "command", lambda *a: [sys.executable, "-c", stranger, *command(*a)])
    world = worlds.World(ranks.installations()[library], 2, 2)
    world.meet()
    try:
        assert world.ask([0, 1], "forget") == [None, None]
    finally:
        world.close()


def test_two_ranks_start_and_the_wrong_library_is_told(library: str, monkeypatch: Any) -> None:
    attempts._tried.cache_clear()
    assert ranks.unstarted(library) is None
    attempts._tried.cache_clear()
    variables = ranks.Installation.variables
    other = {"mpich": "openmpi", "openmpi": "mpich"}[library]
    have = ranks.installations(os.environ | {"GRIDSTONE_MPI": f"{sys.prefix}:{Path(sys.prefix) / 'openmpi'}"})
    if other not in have:
        pytest.skip(ranks.absent(other, sorted(have)))
    wrong = {"MPI4PY_LIBMPI": str(have[other].libmpi)}
    monkeypatch.setattr(ranks.Installation, "variables", lambda *words: variables(*words) | wrong)
    said = str(ranks.unstarted(library))
    attempts._tried.cache_clear()
    assert said.startswith(f"no ranks can be started with {library}: two that were ended with ")
    assert "mpi4py loads" in said
