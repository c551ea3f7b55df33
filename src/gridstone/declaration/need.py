"""What a probe needs of a machine. A cell whose need is not met is skipped, with reason and remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gridstone.declaration.axis import Value
from gridstone.declaration.fabric import joining
from gridstone.declaration.machine import Machine
from gridstone.ranks import (
    absent,
    elsewhere,
    in_slurm,
    installations,
    misconfigured,
    places,
    unable,
    unstarted,
    without_cuda,
)
from gridstone.units import format_bytes


class Unavailable(Exception):
    """Raised by a probe's body where what it needs turns out not to work; the cell is `skipped` with the message."""


Axes = Mapping[str, Value]
GPU_SHARE = 0.31  # of the GPU's memory that each of the three processes has which take turns at a cell


@dataclass(frozen=True, kw_only=True)
class Need:
    """`missing(machine, axes)` says why a cell cannot run there, or returns None.

    tried: the same, of what only an attempt shows, which takes seconds: asked where cells are about to be measured.
    """

    name: str
    missing: Callable[[Machine, Axes], str | None]
    tried: Callable[[Machine, Axes], str | None] | None = None


def gpu() -> Need:
    """Any CUDA GPU. Every probe with a kernel has this need without saying so."""
    return Need(name="gpu", missing=lambda m, _: None if m.gpu else m.no_gpu or "no NVIDIA GPU found")


def compute_capability(minimum: float, *, exactly: bool = False) -> Need:
    """A GPU of at least (or exactly) this compute capability, such as 9.0."""
    wanted = (int(minimum), round(minimum * 10) % 10)

    def missing(machine: Machine, _: Axes) -> str | None:
        if machine.gpu is None:
            return gpu().missing(machine, {})
        have = machine.gpu.compute_capability
        if have == wanted or (have > wanted and not exactly):
            return None
        sign = "=" if exactly else ">="
        return f"needs compute capability {sign} {minimum:.1f}, {machine.gpu.name} has {have[0]}.{have[1]}"

    return Need(name=f"cc{'=' if exactly else '>='}{minimum:.1f}", missing=missing)


def gpu_memory(of: Callable[[Axes], float]) -> Need:
    """GPU memory in bytes, as a function of the cell's axes; a measuring process has GPU_SHARE of it."""

    def missing(machine: Machine, axes: Axes) -> str | None:
        if machine.gpu is None:
            return gpu().missing(machine, axes)
        wanted = int(of(axes))
        have = int(GPU_SHARE * machine.gpu.memory)
        if wanted <= have:
            return None
        name = machine.gpu.name
        return f"needs {format_bytes(wanted)} of GPU memory, {name} has {format_bytes(have)} for each measuring process"

    return Need(name="gpu memory", missing=missing)


def host_memory(of: Callable[[Axes], float]) -> Need:
    """Host memory in bytes, as a function of the cell's axes."""

    def missing(machine: Machine, axes: Axes) -> str | None:
        wanted = int(of(axes))
        if wanted <= 0.8 * machine.memory:
            return None
        return f"needs {format_bytes(wanted)} of host memory, this machine has {format_bytes(machine.memory)}"

    return Need(name="host memory", missing=missing)


def cores(of: Callable[[Axes], float]) -> Need:
    """CPU cores that this process may use, as a function of the cell's axes."""

    def missing(machine: Machine, axes: Axes) -> str | None:
        wanted = int(of(axes))
        return None if wanted <= machine.cores else f"needs {wanted} CPU cores, this process may use {machine.cores}"

    return Need(name="cores", missing=missing)


def gpus(of: int | Callable[[Axes], float]) -> Need:
    """At least this many visible GPUs, which may depend on the cell's axes."""

    def missing(machine: Machine, axes: Axes) -> str | None:
        wanted = of if isinstance(of, int) else int(of(axes))
        return None if machine.gpus >= wanted else f"needs {wanted} GPUs, {machine.gpus} visible"

    return Need(name=f"{of} GPUs" if isinstance(of, int) else "GPUs", missing=missing)


def peers() -> Need:
    """Two different GPUs that are visible, by the axes `src` and `dst`."""

    def missing(machine: Machine, axes: Axes) -> str | None:
        src, dst = int(axes["src"]), int(axes["dst"])
        if src == dst:
            return f"GPU {src} is no peer of itself: ask for another src or dst"
        return gpus(max(src, dst) + 1).missing(machine, axes)

    return Need(name="peers", missing=missing)


def nccl(ranks: Callable[[Axes], float], tier: Callable[[Axes], str]) -> Need:
    """A GPU for each rank, joined over a tier: the farthest of the ways between any two of them, or `network`, GPUs of
    several hosts, which Slurm or GRIDSTONE_MPI_LAUNCH start."""

    def missing(machine: Machine, axes: Axes) -> str | None:
        wanted, over = int(ranks(axes)), tier(axes)
        if over == "network":
            if elsewhere():
                return None
            return (
                "needs several hosts: run it in a Slurm job, or say with GRIDSTONE_MPI_LAUNCH how to start ranks there"
            )
        lacking = gpus(wanted).missing(machine, axes)
        if lacking:
            return f"{lacking} (NCCL wants a GPU for each rank)"
        found = joining(machine.links, wanted)
        if found is None or found == over:
            return None
        return f"the first {wanted} GPUs are joined by {found}: ask for tier={found}"

    return Need(name="nccl", missing=missing)


def package(of: Callable[[Axes], str | None]) -> Need:
    """A Python package that imports, as a function of the cell's axes (None: no package)."""

    def missing(machine: Machine, axes: Axes) -> str | None:
        wanted = of(axes)
        if wanted is None or wanted in machine.packages:
            return None
        return f"the Python package {wanted} is not installed (pip install {wanted})"

    return Need(name="package", missing=missing)


def mpi(
    library: Callable[[Axes], str], ranks: Callable[[Axes], float], tier: Callable[[Axes], str] | None = None
) -> Need:
    """mpi4py, an MPI library that starts two ranks when it is tried, room for the ranks, and the hosts that their tier
    (`node` or `network`) asks for, as functions of the cell's axes."""

    def missing(machine: Machine, axes: Axes) -> str | None:
        if "mpi4py" not in machine.packages:
            return "the Python package mpi4py is not installed (pip install 'gridstone[mpi]')"
        wrong = misconfigured()
        if wrong is not None:
            return wrong
        have, name = installations(), library(axes)
        if name not in have:
            return absent(name, sorted(have))
        if tier is not None and tier(axes) == "network" and not elsewhere():
            return (
                "needs several hosts: run it in a Slurm job, or say with GRIDSTONE_MPI_LAUNCH how to start ranks there"
            )
        wanted, room = int(ranks(axes)), places(machine.cores)
        if wanted <= room:
            return None
        of_what = "a task of this Slurm job each" if in_slurm() else "one per CPU core"
        return f"needs {wanted} ranks, there is room for {room} ({of_what}; GRIDSTONE_MPI_RANKS allows more)"

    return Need(name="mpi", missing=missing, tried=lambda _, axes: unstarted(library(axes)))


def mpi_on_gpu(
    library: Callable[[Axes], str],
    ranks: Callable[[Axes], float],
    tier: Callable[[Axes], str],
    ability: Callable[[Axes], str | None],
) -> Need:
    """A GPU for the ranks, and an MPI library that can do with its memory what the cell asks of it.

    ability: None where ranks need no GPU; `kernels` where MPI is given host memory only; else one of
    `gridstone.ranks.ABILITIES`, which two ranks are to try.
    """

    def missing(machine: Machine, axes: Axes) -> str | None:
        wanted = ability(axes)
        if wanted is None:
            return None
        if machine.gpu is None:
            return gpu().missing(machine, axes)
        lacking = next((name for name in ("cupy", "cuda") if name not in machine.packages), None)
        if lacking:
            return f"the Python package {lacking} is not installed (pip install 'gridstone[cuda13]')"
        if tier(axes) == "node" and machine.gpus < int(ranks(axes)):
            return f"needs a GPU for each of {int(ranks(axes))} ranks, {machine.gpus} visible"
        have, name = installations(), library(axes)
        return without_cuda(have[name]) if wanted != "kernels" and name in have else None

    def tried(machine: Machine, axes: Axes) -> str | None:
        wanted = ability(axes)
        if wanted in (None, "kernels") or machine.gpu is None:
            return None
        placement = "one" if tier(axes) == "gpu" else "each"
        return unable(library(axes), str(wanted), placement, machine.gpu.uuid)

    return Need(name="mpi on gpu", missing=missing, tried=tried)
