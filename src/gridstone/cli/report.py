"""`gridstone report`: one HTML file from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    runs: Annotated[Path, typer.Argument(metavar="RUN", help="A run, or a folder of runs.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write; report.html in RUN without it.")
    ] = None,
) -> None:
    """Write the report of a run as one self-contained HTML file, and print its path."""
    from gridstone.report import render

    typer.echo(str(render(runs, out)))
