"""Whether a machine meets what a cell needs."""

from __future__ import annotations

from gridstone.declaration import Cell, Machine, blamed_on, gpu

_RUNNER_PACKAGES = {"on_cupy": ("cupy",), "on_peers": ("cupy", "cuda"), "on_nccl": ("cupy", "cuda")}
_EXTRA = "pip install 'gridstone[cuda13]'"


def missing(cell: Cell, machine: Machine) -> str | None:
    """Why the cell cannot run on the machine, or None: the first need that is not met.

    Unsaid, a probe that runs on a GPU needs one, and the packages that drive it.
    """
    unsaid = _without_gpu(cell, machine) if cell.probe.on_gpu else None
    with blamed_on(cell.probe, "needs"):
        declared = (need.missing(machine, cell.axes) for need in cell.probe.needs)
        return unsaid or next(filter(None, declared), None)


def _without_gpu(cell: Cell, machine: Machine) -> str | None:
    reason = gpu().missing(machine, cell.axes)
    if reason is not None:
        return reason
    compiler = () if cell.probe.source is None else ("cuda",)
    wanted = (*_RUNNER_PACKAGES.get(cell.probe.runner, ()), *compiler)
    lacking = next((package for package in wanted if package not in machine.packages), None)
    return lacking and f"the Python package {lacking} is not installed ({_EXTRA})"
