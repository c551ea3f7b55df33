"""What the environment asks of MPI that cannot be: said once, before anything is started."""

from __future__ import annotations

import functools
import os
import shlex
import shutil
import socket
from collections.abc import Mapping
from pathlib import Path

from gridstone.ranks.installed import LIBRARIES, at

_NAMES = ("GRIDSTONE_MPI", "GRIDSTONE_MPI_LAUNCH", "GRIDSTONE_MPI_RANKS", "GRIDSTONE_MPI_ADDRESS", "PATH")
# How many processes a launcher started beside the one that reads it.
_SIZES = {"SLURM_STEP_NUM_TASKS": "srun", "OMPI_COMM_WORLD_SIZE": "mpiexec", "PMI_SIZE": "mpiexec"}


def misconfigured(environment: Mapping[str, str] = os.environ) -> str | None:
    """What is wrong with the variables GRIDSTONE_MPI..., or with how this process was started, and what to do; None
    where nothing is."""
    return _nested(environment) or _wrong(*(environment.get(name, "") for name in _NAMES))


def _nested(environment: Mapping[str, str]) -> str | None:
    """Ranks that each of several processes starts for itself wait for one another's places."""
    for name, launcher in _SIZES.items():
        size = environment.get(name, "")
        if size.isdecimal() and int(size) > 1:
            return (
                f"{launcher} has started {size} of this process, and each would start ranks of its own: start it once, "
                "without a launcher (in a Slurm job by salloc or sbatch), and it starts them"
            )
    return None


@functools.cache  # asked for every cell of ranks
def _wrong(folders: str, launch: str, ranks: str, address: str, path: str) -> str | None:
    return _folders(folders) or _launch(launch, path) or _ranks(ranks) or _address(address)


def _folders(text: str) -> str | None:
    for part in text.split(os.pathsep):
        if part and not any(at(Path(part), library) for library in LIBRARIES):
            what = "holds no MPI library with its mpiexec" if Path(part).is_dir() else "is no folder"
            return f"GRIDSTONE_MPI: {part} {what} (name a folder with bin/mpiexec and lib/libmpi.so.12 or .40 in it)"
    return None


def _launch(told: str, path: str) -> str | None:
    if not told:
        return None
    try:
        words = shlex.split(told)
    except ValueError as error:
        return f"GRIDSTONE_MPI_LAUNCH={told}: {str(error).lower()}"
    if not words:
        return "GRIDSTONE_MPI_LAUNCH is blank: write words that start ranks, such as '{mpiexec} -n {ranks}'"
    if "{mpiexec}" not in words[0] and shutil.which(words[0], path=path) is None:
        return f"GRIDSTONE_MPI_LAUNCH: there is no command {words[0]}"
    return None


def _ranks(text: str) -> str | None:
    if text and not (text.isdecimal() and int(text) > 0):
        return f"GRIDSTONE_MPI_RANKS={text} is no number of ranks: write one from 1 on"
    return None


def _address(name: str) -> str | None:
    try:
        if name:
            socket.create_server((name, 0)).close()
    except OSError:
        return f"GRIDSTONE_MPI_ADDRESS={name} is no address of this host: name one that ranks on other hosts reach"
    return None
