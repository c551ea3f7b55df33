"""`KEY=VALUE` words on the command line, as the keyword arguments of a function: its signature says what they mean."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, get_args

from gridstone.errors import GridstoneError, UsageError
from gridstone.units import parse_bytes

_OPTIONS = ("model", "extrapolate")
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


def asked_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """What a function takes, but for the model itself and `extrapolate`, which is an option."""
    signature = inspect.signature(function, eval_str=True)
    return {name: p for name, p in signature.parameters.items() if name not in _OPTIONS}


def described(parameters: Mapping[str, inspect.Parameter]) -> list[str]:
    """Each argument as help shows it: `bytes`, or `[method=pinned]` where it may be left out."""
    empty = inspect.Parameter.empty
    return [name if p.default is empty else f"[{name}={p.default}]" for name, p in parameters.items()]


def given(name: str, parameters: Mapping[str, inspect.Parameter], words: Sequence[str]) -> dict[str, Any]:
    """The keyword arguments of the function `name` that the words mean. Raises UsageError naming the nearest."""
    from gridstone.model.artifact import nearest

    found: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key not in parameters:
            raise UsageError(f"{name} has no argument {key}{nearest(key, parameters)}")
        if not equals or not value:
            raise UsageError(f"{name}: {key} has no value: write {key}=VALUE")
        if key in found:
            raise UsageError(f"{name}: {key} is given twice")
        found[key] = _value(key, value, parameters[key].annotation)
    missing = [k for k, p in parameters.items() if p.default is inspect.Parameter.empty and k not in found]
    if missing:
        takes = ", ".join(described(parameters))
        raise UsageError(f"{name} needs {', '.join(f'{k}=' for k in missing)} (it takes {takes})")
    return found


def as_options(text: str) -> str:
    """What a function says of its argument `extrapolate`, said of the option."""
    return text.replace('extrapolate="flag"', "--extrapolate flag")


@contextlib.contextmanager
def on_the_command_line() -> Iterator[None]:
    """Errors speak of options."""
    try:
        yield
    except GridstoneError as error:
        raise type(error)(as_options(str(error))) from error


def extrapolation(text: str) -> None:
    """Raises UsageError unless the text of `--extrapolate` is one that functions know."""
    if text not in ("refuse", "flag"):
        raise UsageError(f"--extrapolate {text}: write refuse or flag")


def _value(name: str, text: str, annotation: Any) -> Any:
    kinds = get_args(annotation) or (annotation,)
    if bool in kinds:
        if text.lower() in (*_YES, *_NO):
            return text.lower() in _YES
        raise UsageError(f"{name}={text} is not true or false")
    if float in kinds:
        return _number(name, text)
    if int in kinds:
        number = _number(name, text)
        if not number.is_integer():
            raise UsageError(f"{name}={text} is not a whole number")
        return int(number)
    words = [kind for kind in kinds if isinstance(kind, str)]
    if words and text not in words:
        raise UsageError(f"{name}={text}: write {' or '.join(words)}")
    return text


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return float(parse_bytes(text))
    except ValueError:
        raise UsageError(f"{name}={text} is not a number (write 4096 or 4KiB)") from None
