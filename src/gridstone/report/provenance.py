"""Everything that run.json records, as names and values that a person can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gridstone.report.identity import DASH, Line

_COUNTED = ("cells",)  # a list of ids, as long as the run; the tables hold them


def provenance(info: Mapping[str, Any]) -> tuple[tuple[str, tuple[Line, ...]], ...]:
    """Groups of lines: what stands at the top of run.json first, then a group for each part of it."""
    parts = {name: value for name, value in info.items() if isinstance(value, Mapping)}
    plain = {name: value for name, value in info.items() if name not in parts}
    groups = {"run": plain, **parts}
    return tuple((name.replace("_", " "), _lines(part)) for name, part in groups.items() if part)


def _lines(part: Mapping[str, Any]) -> tuple[Line, ...]:
    return tuple(
        Line(
            name=str(name).replace("_", " "),
            text=str(len(value)) if name in _COUNTED and isinstance(value, list) else _text(value),
        )
        for name, value in part.items()
    )


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_text(one)}" for name, one in value.items()) or DASH
    if isinstance(value, list):
        return ("; " if any(isinstance(v, Mapping) for v in value) else " ").join(map(_text, value)) or DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    return DASH if value is None or value == "" else str(value)
