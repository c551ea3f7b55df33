"""`gridstone fit`: runs become a model that other programs load."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from gridstone.cli.output import print_json


def fit(
    runs: Annotated[list[Path], typer.Argument(help="Runs, or folders of runs, of one model of GPU.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the model.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print model.json.")] = False,
) -> None:
    """Fit models to runs: `gridstone fit RUN [RUN...] -o MODEL/`, then `gridstone ask MODEL/`."""
    from gridstone.fit import fit as fit_runs

    document = fit_runs(runs, out)
    if as_json:
        print_json(document)
        return
    for line in _lines(document):
        typer.echo(line)
    typer.echo(f"{out}: ask it with `gridstone ask {out}`")


def _lines(document: dict[str, Any]) -> list[str]:
    from gridstone.fit.provenance import told

    lines = []
    for name, record in document["functions"].items():
        lines.append(f"{name:16} {_quality(record)}")
        lines += [f"{'':16} {told}" for told in _borrowed(record)]
        if record["unfed"]:
            lines.append(f"{'':16} {told(record['unfed'])}")
        left_out = record["provenance"]["cells_left_out"]
        if left_out:
            counts = ", ".join(f"{count} {status}" for status, count in left_out.items())
            lines.append(f"{'':16} cells left out: {counts}")
    for name, cost in document["decisions"].items():
        over = f"{cost['mean']:.2%} over the best (mean), {cost['max']:.2%} at most"
        lines.append(f"{'advise ' + name:16} the choice costs {over}, over {cost['n']} held-out cells")
    return lines + [f"{name:16} not fitted: {reason}" for name, reason in document["absent"].items()]


def _quality(record: dict[str, Any]) -> str:
    count = len(record["laws"])
    laws = f"{count} law{'' if count == 1 else 's'}"
    random = record["quality"]["random"]
    if random is None:
        return f"{laws}, {record['quality']['absent']['random']}"
    return f"{laws}, {_errors(random)}"


def _borrowed(record: dict[str, Any]) -> list[str]:
    """A line of the laws that borrow their course, where there are any: how far off such laws are where it is known."""
    count = sum(law["bridged"] for law in record["laws"])
    errors = record["quality"].get("borrowed")
    if not count or errors is None:
        return []
    laws = "1 of them borrows its" if count == 1 else f"{count} of them borrow their"
    return [f"{laws} course: {_errors(errors)}"]


def _errors(found: dict[str, Any]) -> str:
    return (
        f"held-out error {found['median']:.2%} (median) {found['p95']:.2%} (95 %) "
        f"over {found['n']} cells, {found['coverage']:.0%} inside their interval"
    )
