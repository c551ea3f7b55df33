"""Which MPI libraries are found, how ranks are started, and what is said where they cannot be."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gridstone import ranks
from gridstone.declaration import Machine, mpi

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
    for name in ("GRIDSTONE_MPI", "GRIDSTONE_MPI_LAUNCH", "GRIDSTONE_MPI_RANKS", "SLURM_JOB_ID", "SLURM_NTASKS"):
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
