"""Whether a machine meets what a cell needs."""

from __future__ import annotations

from gridstone.declaration import Cell, Machine, gpu


def missing(cell: Cell, machine: Machine) -> str | None:
    """Why the cell cannot run on the machine, or None. A probe that runs on a GPU needs one unsaid."""
    needs = (*((gpu(),) if cell.probe.on_gpu else ()), *cell.probe.needs)
    return next((reason for need in needs if (reason := need.missing(machine, cell.axes))), None)
