"""What `gridstone doctor` says of MPI: the libraries, and what each can do with the memory of a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridstone.declaration import Machine


def mpi_found(machine: Machine) -> list[dict[str, Any]]:
    """One record per MPI library: where it is, and by ability None or why not; no ability is tried without a GPU.

    Each is tried by two ranks on the GPU, which takes some seconds.
    """
    from gridstone import ranks

    found = []
    for library, installation in sorted(ranks.installations().items()):
        able: dict[str, str | None] | None = None
        if machine.gpu is not None and {"mpi4py", "cupy"} <= set(machine.packages):
            uuid = machine.gpu.uuid
            able = {ability: ranks.unable(library, ability, "one", uuid) for ability in ranks.ABILITIES}
        found.append({"library": library, "mpiexec": str(installation.mpiexec), "gpu_memory": able})
    return found


def mpi_lines(found: Sequence[dict[str, Any]]) -> list[str]:
    """The same in words."""
    from gridstone.ranks import ABILITIES

    lines = []
    for one in found:
        lines.append(f"{one['library']}, started by {one['mpiexec']}")
        able = one["gpu_memory"]
        if able is None:
            continue
        works = [ABILITIES[name] for name, reason in able.items() if reason is None]
        lines.append(f"{one['library']} takes GPU memory in: {', '.join(works) or 'nothing'}")
        lines += dict.fromkeys(reason for reason in able.values() if reason is not None)
    return lines or ["none: pip install 'gridstone[mpi]'"]
