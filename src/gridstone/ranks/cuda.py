"""An MPI library that takes the memory of a GPU: the wheels with another UCX in place of their own, or a system's."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gridstone.ranks.installed import Installation, elsewhere

_TRANSPORTS = "self,sm,cuda_copy,cuda_ipc"
_DRIVER_FILES = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")


@dataclass(frozen=True, kw_only=True)
class Ucx:
    """Libraries of UCX, and the folder of its modules, one of which is for CUDA."""

    libraries: Path
    modules: Path


def driver_here() -> bool:
    """Whether the system has an NVIDIA driver, told by its files: nothing is loaded."""
    return any(Path(file).exists() for file in _DRIVER_FILES)


def ucx_with_cuda(environment: Mapping[str, str] = os.environ) -> Ucx | None:
    """UCX with CUDA: in the folders of GRIDSTONE_UCX, else of the wheel libucx-cu13 or libucx-cu12."""
    for folder in _folders(environment):
        modules = folder / "ucx"
        if (folder / "libucp.so.0").exists() and (modules / "libuct_cuda.so.0").exists():
            return Ucx(libraries=folder, modules=modules)
    return None


def without_cuda(installation: Installation, environment: Mapping[str, str] = os.environ) -> str | None:
    """Why an MPI library cannot take the memory of a GPU, as far as files say; None where it may."""
    if installation.own_ucx is None or ucx_with_cuda(environment) is not None:
        return None
    named = environment.get("GRIDSTONE_UCX")
    if named:
        return (
            f"GRIDSTONE_UCX={named} holds no libucp.so.0 with ucx/libuct_cuda.so.0 beside it: name the folder lib/ of "
            "a UCX that was built with CUDA"
        )
    return (
        f"the UCX inside the {installation.library} wheel knows no CUDA "
        "(pip install libucx-cu13, or name the folder of another UCX in GRIDSTONE_UCX)"
    )


def cuda_variables(installation: Installation, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment in which ranks may send memory of a GPU; beside `Installation.variables`.

    A wheel's UCX is replaced by being found first. Its cache of memory types is off: it takes device memory for the
    host's where CUDA was loaded before it, and both libraries then end with signal 11. On one host only the
    transports that such messages need are on.
    """
    found = {"UCX_MEMTYPE_CACHE": "n"}
    ucx = ucx_with_cuda(environment)
    if installation.own_ucx is not None and ucx is not None:
        folders = [str(ucx.libraries), str(installation.libmpi.parent), environment.get("LD_LIBRARY_PATH", "")]
        found |= {"LD_LIBRARY_PATH": os.pathsep.join(filter(None, folders)), "UCX_MODULE_DIR": str(ucx.modules)}
    if not elsewhere(environment):
        found["UCX_TLS"] = _TRANSPORTS
    if installation.library == "mpich":
        return found | {"MPIR_CVAR_NOLOCAL": "1"}  # its own shared memory knows no GPU: all goes through UCX
    if installation.own_ucx is not None:
        found["OPAL_PREFIX"] = str(installation.prefix)
    return found | {"OMPI_MCA_pml": "ucx", "OMPI_MCA_pml_ucx_tls": "any", "OMPI_MCA_pml_ucx_devices": "any"}


def _folders(environment: Mapping[str, str]) -> Iterator[Path]:
    named = [Path(part) for part in environment.get("GRIDSTONE_UCX", "").split(os.pathsep) if part]
    for folder in named:
        yield from (folder, folder / "lib")
    if not named:
        wheel = importlib.util.find_spec("libucx")
        for place in (wheel.submodule_search_locations or ()) if wheel else ():
            yield Path(place) / "lib"
