"""Plan files: a request written down in TOML, for jobs that run again and again."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gridstone.errors import UsageError
from gridstone.plan.nearest import suggestion
from gridstone.units import parse_seconds

_LARGEST = 1 << 20  # bytes; the file may be a device that never ends


def read_plan(path: Path) -> dict[str, Any]:
    """The fields of a Request that a plan sets; see runners/plans/nightly.toml for one.

    Keys: `probes` (list of globs), `profile`, `seed`, `shard`, `budget` and `timeout` (durations), and a
    table `[axes]` from `"probe.axis"` to a value, a list of values, or a text such as "[4KiB:1GiB:x2]".
    Raises UsageError for a file that cannot be read, an unknown key or a value of the wrong kind.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST + 1)
        if len(text) > _LARGEST:
            raise UsageError(f"{path}: no plan: it is larger than {_LARGEST >> 20} MiB")
        plan = tomllib.loads(text.decode())
    except OSError as error:
        raise UsageError(f"{path}: the plan cannot be read: {error.strerror or error}") from None
    except ValueError as error:
        raise UsageError(f"{path}: the plan is not TOML: {error}") from None
    fields: dict[str, Any] = {}
    for key, value in plan.items():
        if key not in _KEYS:
            near = suggestion(key, list(_KEYS)) or f" (a plan has {', '.join(_KEYS)})"
            raise UsageError(f"{path}: no key of a plan is called {key}{near}")
        field, read, form = _KEYS[key]
        try:
            fields[field] = read(value)
        except (TypeError, ValueError):
            raise UsageError(f"{path}: {key} must be {form}") from None
    return fields


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_text(word) for word in value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError
    return value


def _duration(value: object) -> float:
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise TypeError
    return parse_seconds(value)


def _axes(value: object) -> tuple[str, ...]:
    if not isinstance(value, dict):
        raise TypeError
    return tuple(f"{target}={_listed(target, values)}" for target, values in value.items())


def _listed(target: str, values: object) -> str:
    words = values if isinstance(values, list) else [values]
    if not words or not all(isinstance(word, str | int | float) for word in words):
        raise TypeError(target)
    return ",".join(str(word) for word in words)


_KEYS: dict[str, tuple[str, Callable[[object], Any], str]] = {
    "probes": ("probes", _texts, 'a list of names or globs, such as ["latency", "copy/*"]'),
    "profile": ("profile", _text, 'a word: "quick", "standard" or "full"'),
    "seed": ("seed", _integer, "a whole number"),
    "shard": ("shard", _text, 'a text such as "1/4"'),
    "budget": ("budget_s", _duration, 'a duration such as "10m"'),
    "timeout": ("timeout_s", _duration, 'a duration such as "60s"'),
    "axes": ("axes", _axes, 'a table such as "host/stream.threads" = [1, 2]'),
}
