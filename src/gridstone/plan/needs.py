"""Whether a machine meets what a cell needs."""

from __future__ import annotations

from gridstone.declaration import Cell, Machine, blamed_on, gpu

_RUNNER_PACKAGES = {"on_cupy": ("cupy",), "on_peers": ("cupy", "cuda"), "on_nccl": ("cupy", "cuda")}
_EXTRA = "pip install 'gridstone[cuda13]'"


def missing(cell: Cell, machine: Machine, *, attempt: bool = False) -> str | None:
    """Why the cell cannot run on the machine, or None: the first need that is not met.

    Unsaid, a probe that runs on a GPU needs one, and the packages that drive it. attempt: find out, too, what can
    only be found by trying it, which takes seconds for the first cell of its kind.
    """
    unsaid = _without_gpu(cell, machine) if cell.probe.on_gpu else None
    with blamed_on(cell.probe, "needs"):
        declared = (need.missing(machine, cell.axes) for need in cell.probe.needs)
        found = unsaid or next(filter(None, declared), None)
        if found is None and attempt:
            tried = (need.tried(machine, cell.axes) for need in cell.probe.needs if need.tried is not None)
            found = next(filter(None, tried), None)
        return found


def _without_gpu(cell: Cell, machine: Machine) -> str | None:
    reason = gpu().missing(machine, cell.axes)
    if reason is not None:
        return reason
    compiler = () if cell.probe.source is None else ("cuda",)
    wanted = (*_RUNNER_PACKAGES.get(cell.probe.runner, ()), *compiler)
    lacking = next((package for package in wanted if package not in machine.packages), None)
    return lacking and f"the Python package {lacking} is not installed ({_EXTRA})"
