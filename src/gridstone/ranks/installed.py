"""MPI libraries, how many ranks they may start, and by which command.

Read from the environment and the file system alone, so that a need can be judged without loading MPI.
"""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = ("mpich", "openmpi")

_SONAMES = {"mpich": ("libmpi.so.12", "libmpich.so.12"), "openmpi": ("libmpi.so.40",)}
_STARTERS = {
    "mpich": ("mpiexec.hydra", "mpiexec.mpich", "mpiexec"),
    "openmpi": ("mpiexec.openmpi", "mpirun.openmpi", "mpiexec"),
}
_PASSED_ON = (
    "GRIDSTONE_RANK_TOKEN",
    "PYTHONPATH",
    "MPI4PY_LIBMPI",
    "LD_LIBRARY_PATH",
    "UCX_MODULE_DIR",
    "UCX_MEMTYPE_CACHE",
)  # Open MPI passes nothing on to other hosts by itself


@dataclass(frozen=True, kw_only=True)
class Installation:
    """An MPI library and the mpiexec that belongs to it."""

    library: str
    mpiexec: Path
    libmpi: Path

    def command(self, ranks: int, cores: int, environment: Mapping[str, str] = os.environ) -> list[str]:
        """What starts `ranks` processes of the words that follow it: on this machine, by Slurm, or as told.

        GRIDSTONE_MPI_LAUNCH replaces it: words in which {mpiexec} and {ranks} stand for this installation's.
        """
        passed = [word for name in self._passed_on(environment) for word in ("-x", name)]
        told = environment.get("GRIDSTONE_MPI_LAUNCH")
        if told:
            words = [
                w.replace("{mpiexec}", str(self.mpiexec)).replace("{ranks}", str(ranks)) for w in shlex.split(told)
            ]
            return [*words, *passed]
        if in_slurm(environment):
            if self.library == "mpich":
                return ["srun", "--mpi=pmi2", "--kill-on-bad-exit=1", "-n", str(ranks)]
            return [str(self.mpiexec), "--bind-to", "none", "-n", str(ranks), *passed]
        if self.library == "mpich":
            return [str(self.mpiexec), "-launcher", "fork", "-n", str(ranks)]
        return [str(self.mpiexec), "--bind-to", "none", "--map-by", "slot:OVERSUBSCRIBE", "-n", str(ranks)]

    def _passed_on(self, environment: Mapping[str, str]) -> list[str]:
        """The variables that mpiexec has to be told to hand to other hosts; those of the ranks are always set."""
        if self.library != "openmpi":
            return []
        return [name for name in _PASSED_ON if name in environment or not name.startswith(("LD_", "UCX_"))]

    @property
    def prefix(self) -> Path:
        """The folder that it is installed in."""
        return self.mpiexec.parent.parent

    @property
    def own_ucx(self) -> Path | None:
        """Where a wheel keeps the UCX that it brings along, which knows no CUDA; None of a system's MPI."""
        folder = self.libmpi.parent / self.library
        return folder if (folder / "libucp.so.0").exists() else None

    def variables(self, ranks: int, cores: int) -> dict[str, str]:
        """The environment of that command."""
        found = {"MPI4PY_LIBMPI": str(self.libmpi)}
        if self.library == "mpich":
            return found | {"MPIR_CVAR_PMI_VERSION": "1"}
        if os.geteuid() == 0:
            found |= {f"{p}_ALLOW_RUN_AS_ROOT{s}": "1" for p in ("OMPI", "PRTE") for s in ("", "_CONFIRM")}
        if ranks > cores:
            found["OMPI_MCA_mpi_yield_when_idle"] = "1"
        return found


def in_folder(folder: str) -> dict[str, str]:
    """What has an mpiexec keep its sockets in a folder of its own.

    Open MPI's names them by its process id below /tmp, and ends with code 213 where one that was killed has left some
    under the same number. MPICH's has no use for it.
    """
    return {"PRTE_MCA_prte_local_tmpdir_base": folder}


def installations(environment: Mapping[str, str] = os.environ) -> dict[str, Installation]:
    """The MPI libraries by name, the first of each: in the folders of GRIDSTONE_MPI, beside Python, on the PATH."""
    named, path = environment.get("GRIDSTONE_MPI", ""), environment.get("PATH", "")
    return dict(_installations(named, path, sys.prefix))


@functools.cache  # asked for every cell of ranks
def _installations(named: str, path: str, python: str) -> Mapping[str, Installation]:
    found: dict[str, Installation] = {}
    for prefix in _prefixes(named, path, python):
        for library in LIBRARIES:
            installation = at(prefix, library)
            if installation is not None:
                found.setdefault(library, installation)
    return found


def at(prefix: Path, library: str) -> Installation | None:
    """The MPI library of that name in a folder, where its mpiexec is there too."""
    libmpi = _first(p for name in _SONAMES[library] for p in _shared(prefix, name))
    mpiexec = _first(p for name in _STARTERS[library] if os.access(p := prefix / "bin" / name, os.X_OK))
    return Installation(library=library, mpiexec=mpiexec, libmpi=libmpi) if libmpi and mpiexec else None


def places(cores: int, environment: Mapping[str, str] = os.environ) -> int:
    """How many ranks may be started: GRIDSTONE_MPI_RANKS, the tasks of a Slurm job, or one per CPU core.

    Ranks that wait do so by asking again and again: two of them on one core measure the scheduler.
    """
    told = environment.get("GRIDSTONE_MPI_RANKS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    return _tasks(environment) if in_slurm(environment) else cores


def in_slurm(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is in a Slurm job with several tasks."""
    return _tasks(environment) > 1 and shutil.which("srun", path=environment.get("PATH")) is not None


def elsewhere(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether ranks may run on other hosts than this."""
    return bool(environment.get("GRIDSTONE_MPI_LAUNCH")) or in_slurm(environment)


def absent(library: str, have: Sequence[str]) -> str:
    """Why nothing can be measured with a library, and what to do about it."""
    others = f"; found: {', '.join(have)}" if have else ""
    return f"no {library} with its mpiexec{others} (pip install {library}, or name its folder in GRIDSTONE_MPI)"


def _tasks(environment: Mapping[str, str]) -> int:
    """The tasks of a Slurm job, one per node where it was not said; 0 outside of any."""
    if "SLURM_JOB_ID" not in environment:
        return 0
    said = (environment.get(name, "") for name in ("SLURM_NTASKS", "SLURM_JOB_NUM_NODES"))
    return next((int(count) for count in said if count.isdecimal()), 0)


def _prefixes(named: str, path: str, python: str) -> Iterator[Path]:
    yield from (Path(part) for part in named.split(os.pathsep) if part)
    yield Path(python)
    for folder in path.split(os.pathsep):
        if folder and any((Path(folder) / name).exists() for names in _STARTERS.values() for name in names):
            yield Path(folder).resolve().parent


def _shared(prefix: Path, name: str) -> Iterator[Path]:
    for folder in ("lib", "lib64"):
        yield from (
            p for p in ((prefix / folder / name), *sorted((prefix / folder).glob(f"*-linux-gnu/{name}"))) if p.exists()
        )


def _first(paths: Iterator[Path]) -> Path | None:
    return next(paths, None)
