"""`gridstone ask`: a question to a fitted model, with numpy alone."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridstone.cli.arguments import asked_of, described, extrapolation, given, on_the_command_line
from gridstone.cli.output import print_json
from gridstone.errors import UsageError
from gridstone.units import format_bytes, format_value

if TYPE_CHECKING:
    from gridstone.model import HardwareModel, Law

_IN_BYTES = {"bytes", "working_set", "granule", "chunk", "align", "block", "stride", "in_flight"}


def ask(
    folder: Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `gridstone fit` wrote.")],
    function: Annotated[str | None, typer.Argument(help="What to ask; without it, lists what there is.")] = None,
    arguments: Annotated[list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Its arguments.")] = None,
    extrapolate: Annotated[
        str, typer.Option(help="`flag` answers outside the domain too, with a widened interval.")
    ] = "refuse",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Ask a model: `gridstone ask MODEL transfer_time src=host dst=device bytes=16MiB`, or between two GPUs
    `src=gpu2 dst=gpu3`."""
    from gridstone.model import load

    model = load(folder)
    if function is None:
        if as_json:
            print_json(_catalogue(model))
        else:
            typer.echo("\n".join(_listing(model)))
        return
    extrapolation(extrapolate)
    words = parse(model, function, arguments or [])
    with on_the_command_line():
        answer = getattr(model, function)(**words, extrapolate=extrapolate)
    if as_json:
        print_json({"function": function, "arguments": words, **dataclasses.asdict(answer)})
        return
    low, middle, high = (format_value(v, answer.unit) for v in (answer.lo, answer.value, answer.hi))
    place = "in domain" if answer.in_domain else "OUT OF DOMAIN"
    interval = f"{answer.level:.0%} interval" if answer.level else "interval of unknown coverage"
    typer.echo(f"{middle}  ({low} to {high}, {interval}); {place}, {answer.source}")


def parse(model: HardwareModel, function: str, arguments: list[str]) -> dict[str, Any]:
    """The keyword arguments that `KEY=VALUE` texts mean. Raises UsageError naming the nearest that exists."""
    from gridstone.model.artifact import nearest
    from gridstone.model.hardware import READ_OFF

    known = {*model.functions, *model.absent, *READ_OFF}
    if function not in known:
        raise UsageError(f"no function {function}{nearest(function, known)}")
    model.function(READ_OFF.get(function, function))
    return given(function, _parameters(function), arguments)


def _parameters(function: str) -> Mapping[str, inspect.Parameter]:
    from gridstone.model import HardwareModel

    if not hasattr(HardwareModel, function):
        raise UsageError(f"{function} is in this model but not in this version of gridstone: update it")
    return asked_of(getattr(HardwareModel, function))


def _listing(model: HardwareModel) -> list[str]:
    from gridstone.model.hardware import READ_OFF

    lines = [
        f"{model.facts.identity.get('device') or 'no GPU'}, fitted from {len(model.runs)} run(s)",
        "",
        "facts",
    ]
    lines += [f"  {name:28} {format_value(f.value, f.unit)}" for name, f in model.facts.measured.items()]
    for name, function in model.functions.items():
        lines += ["", f"{name}({', '.join(described(_parameters(name)))})"]
        lines += _laws(function.laws)
    for name, source in READ_OFF.items():
        if source in model.functions:
            lines += ["", f"{name}({', '.join(described(_parameters(name)))})", f"  read off the laws of {source}"]
    for name, reason in model.absent.items():
        lines += ["", f"{name}: absent, {reason}"]
    return lines


def _laws(laws: Sequence[Law]) -> list[str]:
    """A line per law; those that follow each other and differ in one word alone share it: `mechanism=bulk|tensor`."""
    lines: list[tuple[dict[str, list[str]], str]] = []
    for law in laws:
        words, tail = {name: str(word) for name, word in law.keys.items()}, f"{_box(law)}{_error(law)}"
        if lines and lines[-1][1] == tail:
            last = lines[-1][0]
            other = [name for name, word in words.items() if last[name] != [word]]
            if len(other) == 1 and all(len(found) == 1 or name in other for name, found in last.items()):
                last[other[0]].append(words[other[0]])
                continue
        lines.append(({name: [word] for name, word in words.items()}, tail))
    return ["  " + " ".join(f"{n}={'|'.join(found)}" for n, found in words.items()) + tail for words, tail in lines]


def _box(law: Law) -> str:
    sides = []
    for name, (lo, hi) in law.box.items():
        low, high = ("any" if v is None else format_bytes(int(v)) if name in _IN_BYTES else f"{v:g}" for v in (lo, hi))
        sides.append(f"{name} {low} to {high}")
    return "".join(f", {side}" for side in sides)


def _error(law: Law) -> str:
    random, borrowed = law.quality.get("random"), law.quality.get("borrowed")
    if law.bridged and borrowed:
        return f", held-out error {borrowed['median']:.2%} (of laws that others stood in for)"
    return f", held-out error {random['median']:.2%}" if random else ", nothing held out"


def _catalogue(model: HardwareModel) -> dict[str, Any]:
    functions = {
        name: {
            "arguments": list(_parameters(name)),
            "laws": [{"keys": dict(law.keys), "domain": law.box, "quality": law.quality} for law in function.laws],
        }
        for name, function in model.functions.items()
    }
    return {"facts": dataclasses.asdict(model.facts), "functions": functions, "absent": dict(model.absent)}
