"""`gridstone advise`: a decision from a fitted model, with numpy alone."""

from __future__ import annotations

import dataclasses
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridstone.cli.arguments import as_options, asked_of, described, extrapolation, given, on_the_command_line
from gridstone.cli.output import print_json
from gridstone.errors import UsageError
from gridstone.units import format_value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gridstone.advise import Advice, Option
    from gridstone.advise.decisions import Decision


def advise(
    folder: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `gridstone fit` wrote.")],
    decision: Annotated[str | None, typer.Argument(help="What to decide; without it, lists what there is.")] = None,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Its arguments.")] = None,
    extrapolate: Annotated[
        str, typer.Option(help="`flag` weighs options outside the domain too, with a widened interval.")
    ] = "refuse",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Decide by a model: `gridstone advise MODEL gather rows=1e6 row_bytes=2052 align=4`."""
    from gridstone.advise.decisions import decisions
    from gridstone.model import load
    from gridstone.model.artifact import nearest

    model = load(folder)
    there = decisions()
    if decision is None:
        if as_json:
            print_json({name: _arguments(function) for name, function in there.items()})
        else:
            typer.echo("\n".join(_listing(there)))
        return
    extrapolation(extrapolate)
    if decision not in there:
        raise UsageError(f"no decision {decision}{nearest(decision, there)}")
    function = there[decision]
    words = given(decision, asked_of(function), arguments or [])
    options: dict[str, Any] = {}
    if "extrapolate" in inspect.signature(function).parameters:
        options["extrapolate"] = extrapolate
    elif extrapolate != "refuse":
        raise UsageError(f"{decision} does not extrapolate: leave out --extrapolate")
    with on_the_command_line():
        advice = function(model, **words, **options)
    if as_json:
        print_json({"decision": decision, "arguments": words, **dataclasses.asdict(advice)})
        return
    for line in [*_told(advice), *_held_out(model.decisions.get(decision))]:
        typer.echo(line)


def _told(advice: Advice) -> list[str]:
    sure = f"the best with probability {advice.p_best:.0%}, expected regret {advice.regret:.1%}"
    best = float(advice.ranking[0].cost.value)
    width = max(len(option.name) for option in advice.ranking)
    lines = [f"{advice.choice}: {sure}", ""]
    lines += [f"  {option.name:{width}}  {_cost(option, best)}" for option in advice.ranking]
    return [*lines, *(["", *(f"  {as_options(reason)}" for reason in advice.because)] if advice.because else [])]


def _held_out(cost: Mapping[str, float] | None) -> list[str]:
    if cost is None:
        return []
    return [
        "",
        f"  on {cost['n']} cells that were held out, the choice cost {cost['mean']:.1%} over the best on average",
    ]


def _cost(option: Option, best: float) -> str:
    cost = option.cost
    middle, low, high = (format_value(float(v), cost.unit) for v in (cost.value, cost.lo, cost.hi))
    place = "" if cost.in_domain else ", OUT OF DOMAIN"
    return f"{middle:>10} ({low} to {high}), {float(cost.value) / best:.2f} times the least, {cost.source}{place}"


def _listing(there: Mapping[str, Decision]) -> list[str]:
    lines: list[str] = []
    for name, function in there.items():
        lines += [f"{name}({', '.join(described(asked_of(function)))})"]
        lines += [f"  {(inspect.getdoc(function) or '').splitlines()[0]}", ""]
    return lines[:-1]


def _arguments(function: Decision) -> dict[str, Any]:
    empty = inspect.Parameter.empty
    return {
        "about": (inspect.getdoc(function) or "").splitlines()[0],
        "arguments": {n: None if p.default is empty else p.default for n, p in asked_of(function).items()},
        "required": [n for n, p in asked_of(function).items() if p.default is empty],
    }
