"""`gridstone ask`: a question to a fitted model, with numpy alone."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from gridstone.errors import UsageError
from gridstone.units import format_bytes, format_value, parse_bytes

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
    """Ask a model: `gridstone ask MODEL transfer_time src=host dst=device bytes=16MiB`."""
    from gridstone.model import load

    model = load(folder)
    if function is None:
        typer.echo(json.dumps(_catalogue(model), indent=1) if as_json else "\n".join(_listing(model)))
        return
    if extrapolate not in ("refuse", "flag"):
        raise UsageError(f"--extrapolate {extrapolate}: write refuse or flag")
    given = parse(model, function, arguments or [])
    answer = getattr(model, function)(**given, extrapolate=extrapolate)
    if as_json:
        record = {"function": function, "arguments": given, **dataclasses.asdict(answer)}
        typer.echo(json.dumps(record, indent=1))
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
    parameters = _parameters(function)
    given: dict[str, Any] = {}
    for text in arguments:
        name, equals, value = text.partition("=")
        if name not in parameters:
            raise UsageError(f"{function} has no argument {name}{nearest(name, parameters)}")
        if not equals:
            raise UsageError(f"{function}: {name} has no value: write {name}=VALUE")
        if name in given:
            raise UsageError(f"{function}: {name} is given twice")
        given[name] = _value(name, value, parameters[name].annotation)
    missing = [n for n, p in parameters.items() if p.default is inspect.Parameter.empty and n not in given]
    if missing:
        raise UsageError(f"{function} needs {', '.join(f'{n}=' for n in missing)}: see `gridstone ask MODEL`")
    return given


def _parameters(function: str) -> Mapping[str, inspect.Parameter]:
    """What a function takes, but for the model itself and `extrapolate`, which is an option."""
    from gridstone.model import HardwareModel

    if not hasattr(HardwareModel, function):
        raise UsageError(f"{function} is in this model but not in this version of gridstone: update it")
    signature = inspect.signature(getattr(HardwareModel, function), eval_str=True)
    return {n: p for n, p in signature.parameters.items() if n not in ("model", "extrapolate")}


def _value(name: str, text: str, annotation: Any) -> Any:
    if annotation is bool:
        if text.lower() in ("true", "yes", "1", "false", "no", "0"):
            return text.lower() in ("true", "yes", "1")
        raise UsageError(f"{name}={text} is not true or false")
    kinds = get_args(annotation) or (annotation,)
    if int in kinds and float not in kinds:
        if not text.isdecimal():
            raise UsageError(f"{name}={text} is not a whole number")
        return int(text)
    if float in kinds:
        try:
            return float(text)
        except ValueError:
            pass
        try:
            return float(parse_bytes(text))
        except ValueError:
            raise UsageError(f"{name}={text} is not a number (write 4096 or 4KiB)") from None
    words = [k for k in kinds if isinstance(k, str)]
    if words and text not in words:
        raise UsageError(f"{name}={text}: write {' or '.join(words)}")
    return text


def _listing(model: HardwareModel) -> list[str]:
    from gridstone.model.hardware import READ_OFF

    lines = [
        f"{model.facts.identity.get('device') or 'no GPU'}, fitted from {len(model.runs)} run(s)",
        "",
        "facts",
    ]
    lines += [f"  {name:28} {format_value(f.value, f.unit)}" for name, f in model.facts.measured.items()]
    for name, function in model.functions.items():
        lines += ["", f"{name}({', '.join(_described(name))})"]
        lines += _laws(function.laws)
    for name, source in READ_OFF.items():
        if source in model.functions:
            lines += ["", f"{name}({', '.join(_described(name))})", f"  read off the laws of {source}"]
    for name, reason in model.absent.items():
        lines += ["", f"{name}: absent, {reason}"]
    return lines


def _described(function: str) -> list[str]:
    empty = inspect.Parameter.empty
    parameters = _parameters(function).values()
    return [p.name if p.default is empty else f"[{p.name}={p.default}]" for p in parameters]


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
    random = law.quality.get("random")
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
