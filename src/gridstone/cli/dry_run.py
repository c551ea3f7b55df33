"""`gridstone run --dry-run`: which cells would be measured, and which not and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridstone.cli.output import console, print_json
from gridstone.cli.words import gathered
from gridstone.declaration import Cell, Machine
from gridstone.plan import Request, missing


def dry_run(cells: Sequence[Cell], machine: Machine, request: Request, *, as_json: bool) -> None:
    """Print the cells in the order in which they would be measured, then those that would be skipped."""
    reasons = [missing(cell, machine) for cell in cells]
    listed = list(zip(cells, reasons, strict=True))
    if as_json:
        run = [_record(cell) for cell, reason in listed if reason is None]
        skip = [_record(cell) | {"reason": reason} for cell, reason in listed if reason is not None]
        print_json({"request": request.record(), "run": run, "skip": skip})
        return
    screen = console()
    for cell, reason in listed:
        if reason is None:
            screen.print(cell.label, soft_wrap=True)
    for line in gathered(sorted((cell.probe.name, reason, 1) for cell, reason in listed if reason is not None)):
        screen.print(f"skip {line}", soft_wrap=True)
    able = reasons.count(None)
    screen.print(f"{able} cells to measure, {len(cells) - able} to skip, seed {request.seed}", soft_wrap=True)


def _record(cell: Cell) -> dict[str, Any]:
    return {"cell_id": cell.cell_id, "probe": cell.probe.name, "axes": dict(cell.axes)}
