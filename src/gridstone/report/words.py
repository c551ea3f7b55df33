"""Numbers and lists inside a sentence: fewer digits than a table, since the interval stands beside the figure."""

from __future__ import annotations

from collections.abc import Sequence

from gridstone.units import format_value


def amount(value: float, unit: str) -> str:
    """A value with its unit to three significant digits: `1.9 us`, `4.57 TB/s`, `662 cycle`; bytes are `16 MiB`."""
    return format_value(value if unit == "B" else float(f"{value:.3g}"), unit)


def percent(share: float) -> str:
    """`0.953` as `95 %`."""
    return f"{100 * share:.0f} %"


def listing(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
