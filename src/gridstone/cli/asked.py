"""From the options of `gridstone run` to a request: the command line over the plan, or a run that goes on."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridstone.declaration import Cell
from gridstone.errors import UsageError
from gridstone.plan import Request, read_plan, recorded


def new_request(given: Mapping[str, Any], plan: Path | None) -> Request:
    """A request from the options that were given (None: not given) over those of a plan.

    Settings of axes add up, the command line's after the plan's; every other option replaces the plan's. A
    seed is drawn where none is given. Raises UsageError.
    """
    planned = {} if plan is None else read_plan(plan)
    fields = {"seed": secrets.randbelow(2**32), **planned}
    fields |= {name: value for name, value in given.items() if value is not None}
    fields["axes"] = (*planned.get("axes", ()), *(given.get("axes") or ()))
    return Request(**fields)


def resumed_request(info: Mapping[str, Any], given: Mapping[str, Any]) -> Request:
    """The request of a run from its run.json; only its bounds in time may be given anew.

    Raises UsageError for an option that would change what is measured.
    """
    free = ("timeout_s", "budget_s")
    fixed = [name for name, value in given.items() if value is not None and name not in free]
    if fixed:
        raise UsageError(f"--resume measures what the run was begun with: leave out {', '.join(fixed)}")
    new = {name: given[name] for name in free if given.get(name) is not None}
    return replace(recorded(info), **new)


def check_same(cells: Sequence[Cell], info: Mapping[str, Any], folder: Path) -> None:
    """Raises UsageError where other cells would be measured than those that the run was begun with."""
    began = set(map(str, info.get("cells") or ()))
    changed = began ^ {cell.cell_id for cell in cells}
    if began and changed:
        raise UsageError(
            f"{folder}: this run was begun with other cells ({len(changed)} differ): probes or kernels have changed "
            "since, or it was begun where there are other MPI libraries, hosts of a job or GPUs: resume it there, "
            "or start a new run"
        )
