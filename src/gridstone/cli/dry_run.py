"""`gridstone run --dry-run`: which cells would be measured, and which not and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridstone.cli.output import console, print_json
from gridstone.cli.words import gathered, resumed
from gridstone.declaration import Cell, Machine
from gridstone.plan import Request, missing

if TYPE_CHECKING:
    from gridstone.store import Row


def dry_run(
    cells: Sequence[Cell], kept: Mapping[str, Sequence[Row]], machine: Machine, request: Request, *, as_json: bool
) -> None:
    """Print the cells in the order in which they would be measured, then those that would be skipped.

    kept: the rows that cells of a run to be resumed have; those that lack no pass are not printed.
    """
    from gridstone.stats import PROFILES
    from gridstone.worker import Tally

    tally = Tally([cell.cell_id for cell in cells], PROFILES[request.profile].passes, kept)
    lacking = [(cell, missing(cell, machine)) for cell in cells if tally.lacks(cell.cell_id)]
    listed = [(cell, reason) for cell, reason in lacking if reason is None or cell.cell_id not in kept]
    if as_json:
        run = [_record(cell) | {"passes": tally.lacks(cell.cell_id)} for cell, reason in listed if reason is None]
        skip = [_record(cell) | {"reason": reason} for cell, reason in listed if reason is not None]
        print_json({"request": request.record(), "run": run, "skip": skip})
        return
    screen = console()
    for cell, reason in listed:
        if reason is None:
            screen.print(cell.label, soft_wrap=True)
    for line in gathered(sorted((cell.probe.name, reason, 1) for cell, reason in listed if reason is not None)):
        screen.print(f"skip {line}", soft_wrap=True)
    if kept:
        screen.print(resumed(tally.finished, tally.short), soft_wrap=True)
    able = sum(reason is None for _, reason in listed)
    screen.print(f"{able} cells to measure, {len(listed) - able} to skip, seed {request.seed}", soft_wrap=True)


def _record(cell: Cell) -> dict[str, Any]:
    return {"cell_id": cell.cell_id, "probe": cell.probe.name, "axes": dict(cell.axes)}
