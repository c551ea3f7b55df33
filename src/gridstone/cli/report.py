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
    all_cards: Annotated[
        bool, typer.Option("--all-cards", help="Take in the runs of every GPU of the newest run's model.")
    ] = False,
    show: Annotated[bool, typer.Option("--open/--no-open", help="Open it in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the report of a run as one self-contained HTML file, and print its path.

    A folder of runs gives one page about the machine of its newest run, with the newest value of each cell.
    """
    from gridstone.report import render

    page = render(runs, out, all_cards=all_cards)
    if as_json:
        from gridstone.cli.output import print_json

        print_json({"report": str(page), "bytes": page.stat().st_size})
    else:
        typer.echo(str(page))
    if show:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
