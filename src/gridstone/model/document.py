"""What a model.json must hold: the parts of JSON Schema 2020-12 that model.schema.json is written in."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA_NAME = "model.schema.json"
_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
}


def flaw(document: Any) -> str | None:
    """The first place where a document is not what the schema says, and why: `facts: identity is missing`."""
    return next(_flaws(document, schema(), ""), None)


@cache
def schema() -> dict[str, Any]:
    """The schema that lies beside this file, and beside each model."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name(SCHEMA_NAME).read_text(encoding="utf-8"))
    return found


def _flaws(value: Any, rule: Mapping[str, Any], place: str) -> Iterator[str]:
    if "$ref" in rule:
        rule = schema()["$defs"][rule["$ref"].rsplit("/", 1)[1]]
    here = place or "the document"
    if "anyOf" in rule and all(any(_flaws(value, one, place)) for one in rule["anyOf"]):
        yield f"{here} has none of the forms it may have"
    wanted = rule.get("type", ())
    kinds = (wanted,) if isinstance(wanted, str) else wanted
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{here} is no {' or '.join(kinds)}"
    elif "const" in rule and value != rule["const"]:
        yield f"{here} is not {rule['const']}"
    elif "enum" in rule and value not in rule["enum"]:
        yield f"{here} is not one of {', '.join(rule['enum'])}"
    elif isinstance(value, str) and not re.search(rule.get("pattern", ""), value):
        yield f"{here} does not look like {rule['pattern']}"
    elif isinstance(value, int | float) and not _within(value, rule):
        yield f"{here} is {value}, which it cannot be"
    elif isinstance(value, dict):
        yield from _flaws_of_members(value, rule, place)
    elif isinstance(value, list):
        yield from _flaws_of_items(value, rule, here)


def _flaws_of_members(value: dict[str, Any], rule: Mapping[str, Any], place: str) -> Iterator[str]:
    known, further = rule.get("properties", {}), rule.get("additionalProperties", True)
    for name in rule.get("required", ()):
        if name not in value:
            yield f"{place or 'the document'}: {name} is missing"
    for name, member in value.items():
        inside = known.get(name, further if isinstance(further, dict) else {})
        yield from _flaws(member, inside, f"{place}.{name}" if place else name)
        if further is False and name not in known:
            yield f"{place or 'the document'}: {name} is not known"


def _flaws_of_items(value: list[Any], rule: Mapping[str, Any], here: str) -> Iterator[str]:
    if not rule.get("minItems", 0) <= len(value) <= rule.get("maxItems", math.inf):
        yield f"{here} has {len(value)} items"
    first = rule.get("prefixItems", [])
    for index, item in enumerate(value):
        yield from _flaws(item, first[index] if index < len(first) else rule.get("items", {}), f"{here}.{index}")


def _is(value: Any, kind: str) -> bool:
    if kind in _KINDS:
        return isinstance(value, _KINDS[kind])
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return kind == "number" or float(value).is_integer()


def _within(value: float, rule: Mapping[str, Any]) -> bool:
    low, above, high = (rule.get(word) for word in ("minimum", "exclusiveMinimum", "maximum"))
    return (low is None or value >= low) and (above is None or value > above) and (high is None or value <= high)
