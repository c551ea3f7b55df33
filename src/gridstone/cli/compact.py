"""`gridstone compact`: one file per probe instead of one per cell."""

from __future__ import annotations

from typing import Any

import typer

from gridstone.cli.options import Json, RunFolder
from gridstone.cli.output import print_json


def compact(folder: RunFolder, as_json: Json = False) -> None:
    """Merge the parts of a run into one file per probe.

    A run does so itself when it ends. Loses nothing and may be repeated, also after a crash; intervals and statuses
    of a run by an earlier version are brought up to date.
    """
    from gridstone.measure import finishing
    from gridstone.store import Run

    run = Run(folder)
    gpu = run.info().get("gpu")
    with run.lock():
        written = run.compact(finishing(gpu.get("sm_mhz_max") if isinstance(gpu, dict) else None))
    if as_json:
        document: dict[str, Any] = {"run": str(folder), "written": [str(path) for path in written]}
        print_json(document)
        return
    for path in written:
        typer.echo(str(path))
    if not written:
        typer.echo(f"{folder}: nothing to merge")
