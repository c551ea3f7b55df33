"""Axis values as text: `4KiB,8KiB`, `[4KiB:1GiB:x2]`, `[0:100:+4]`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from gridstone.declaration import Axis, Value
from gridstone.units import parse_bytes

MOST = 100_000
_RANGE = re.compile(r"\[([^:\[\]]+):([^:\[\]]+):([x+])([^:\[\]]+)\]")


def parse_values(axis: Axis, text: str) -> tuple[Value, ...]:
    """The values of a comma-separated list of values and ranges, each once, in the order given.

    `[low:high:x2]` multiplies from low up to high, rounded to what the axis takes; `[low:high:+4]` adds. Both
    ends must be values that the axis takes. Raises ValueError that says what is wrong with the text.
    """
    values: dict[Value, None] = {}
    for word in map(str.strip, text.split(",")):
        if not word:
            raise ValueError(f"a value of {axis.name} is missing (write 4,8 or [4:64:x2])")
        values.update(dict.fromkeys(_range(axis, word) if word.startswith("[") else (_value(axis, word),)))
        if len(values) > MOST:
            raise ValueError(f"more than {MOST} values of {axis.name}")
    return tuple(values)


def _value(axis: Axis, text: str) -> Value:
    try:
        return axis.parse(text)
    except OverflowError:
        raise ValueError(f"{axis.name}={text} is too large") from None


def _range(axis: Axis, text: str) -> list[Value]:
    match = _RANGE.fullmatch(text)
    if match is None or axis.kind not in (int, float):
        numbers = "it has no numbers to range over" if axis.kind not in (int, float) else f"got {text}"
        raise ValueError(f"a range of {axis.name} is written [low:high:x2] or [low:high:+4]: {numbers}")
    low, high = _value(axis, match[1]), _value(axis, match[2])
    assert isinstance(low, int | float)
    assert isinstance(high, int | float)
    if low > high:
        raise ValueError(f"{text} runs downwards: write the lower end first")
    values = _multiplied(axis, low, high, match[4]) if match[3] == "x" else _added(axis, low, high, match[4])
    for value in values:
        axis.check(value)
    return values


def _multiplied(axis: Axis, low: float, high: float, text: str) -> list[Value]:
    factor = _step(text, float)
    if factor <= 1 or low <= 0:
        raise ValueError(f"[{low}:{high}:x{text}] never ends: start above 0 and multiply by more than 1")
    steps = math.log(high / low) / math.log(factor)
    _check_length(axis, steps)
    raw = [low * factor**i for i in range(int(steps + 1e-9) + 1)]
    if axis.kind is float:
        return list(raw)
    return [round(value / axis.multiple) * axis.multiple for value in raw]


def _added(axis: Axis, low: float, high: float, text: str) -> list[Value]:
    whole: Callable[[str], float] = parse_bytes if axis.unit == "B" else int
    step = _step(text, float if axis.kind is float else whole)
    if step <= 0:
        raise ValueError(f"[{low}:{high}:+{text}] never ends: add more than 0")
    _check_length(axis, (high - low) / step)
    return [low + i * step for i in range(int((high - low) / step + 1e-9) + 1)]


def _step(text: str, read: Callable[[str], float]) -> float:
    try:
        step = read(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{text} is no step of a range (write x2 or +4)") from None
    if not math.isfinite(step):
        raise ValueError(f"{text} is no step of a range (write x2 or +4)")
    return step


def _check_length(axis: Axis, steps: float) -> None:
    if steps >= MOST:
        raise ValueError(f"a range of {steps:.3g} values of {axis.name} is too long (at most {MOST})")
