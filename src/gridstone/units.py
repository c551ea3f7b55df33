"""Quantities to and from text. Inside the library everything is SI; formatting belongs to the edge."""

from __future__ import annotations

import math
import re

_BINARY = {"": 1, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_DECIMAL = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9}
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([A-Za-z]*)\s*")

# (unit stored in Parquet, text after a prefix, base for prefixes)
_PREFIXES = (
    *((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, "")),
    *((1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f")),
)


def parse_bytes(text: str | int) -> int:
    """Bytes from `4096`, `4KiB`, `1.5GiB`, `2GB`. Raises ValueError on anything else or below zero."""
    if isinstance(text, int):
        return text
    match = _NUMBER.fullmatch(text)
    if match:
        scale = {**_DECIMAL, **_BINARY}.get(match[2].upper())
        if scale is not None:
            number = float(match[1]) * scale
            if number.is_integer() and number >= 0:
                return int(number)
    raise ValueError(f"not a number of bytes: {text!r} (write 4096, 4KiB, 1.5GiB or 2GB)")


def parse_seconds(text: str | float) -> float:
    """Seconds from `0.5`, `200ms`, `60s`, `10m`, `1h`. Raises ValueError on anything else or below zero."""
    if isinstance(text, int | float):
        return float(text)
    match = _NUMBER.fullmatch(text)
    if match:
        scale = _SECONDS.get(match[2] or "s")
        if scale is not None and 0 <= float(match[1]) < math.inf:
            return float(match[1]) * scale
    raise ValueError(f"not a duration: {text!r} (write 200ms, 60s, 10m or 1h)")


def format_bytes(count: int) -> str:
    """`4096` as `4 KiB`; counts that are no whole number of their unit keep four significant digits."""
    for power, name in ((40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")):
        if abs(count) >= 2**power:
            scaled = count / 2**power
            return f"{scaled:.0f} {name}" if scaled == int(scaled) else f"{scaled:.4g} {name}"
    return f"{count} B"


def format_value(value: float | None, unit: str) -> str:
    """A value of a Parquet row with its unit, as a person reads it; an en dash where there is none."""
    if value is None or math.isnan(value):
        return "–"
    if prefixed(unit):
        return format_si(value, unit)
    if unit == "B" and math.isfinite(value):
        return format_bytes(int(value))
    return _number(value) if unit == "1" else f"{_number(value)} {unit}"


def prefixed(unit: str) -> bool:
    """Whether quantities in this unit take SI prefixes: seconds, joules, watts, hertz, what is counted per second."""
    return unit in ("W", "Hz") or unit.partition("/")[0] in ("s", "J") or unit.endswith("/s")


def format_si(value: float, unit: str) -> str:
    """Four significant digits with the SI prefix that leaves one to three digits before the point."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g} {unit}"
    rounded = float(f"{value:.4g}")  # first, so that 999.99 becomes 1 k and not 1000
    for scale, prefix in _PREFIXES:
        if abs(rounded) >= scale:
            return f"{_number(rounded / scale)} {prefix}{unit}"
    return f"{rounded:.4g} {unit}"


def _number(value: float) -> str:
    """Four significant digits, with all digits before the point as long as these are not too many to read."""
    rounded = float(f"{value:.4g}")
    return f"{rounded:,.0f}" if 1e4 <= abs(rounded) < 1e9 else f"{rounded:.4g}"


def adds_up(unit: str) -> bool:
    """Whether the mean of samples is the quantity, as of watts and joules: what swings costs its mean."""
    return unit == "W" or unit.startswith("J")


def timed(unit: str) -> bool:
    """Whether a quantity in this unit has time in it: `B/s`, `s/hop`, `W` and `J/flop` have, `cycle/hop` has not."""
    above, _, below = unit.partition("/")
    return below == "s" or above in ("s", "W", "J")
