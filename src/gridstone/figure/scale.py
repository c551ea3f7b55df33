"""How an axis of a figure is scaled and labelled: SI and binary prefixes, round ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, Literal

from gridstone.units import format_bytes, format_si, format_value, prefixed

_TICKS = 6  # steps between ticks of an axis whose labels lie above each other
_LONGEST_UNIT = len("flop/s")
_CHARACTER, _GAP = 5.4, 9.0  # points: a character of a tick's label, and what separates two labels


@dataclass(frozen=True, kw_only=True)
class Scale:
    """An axis: its label, the SI unit of its values, and whether equal steps are equal ratios.

    A logarithmic axis in bytes, or of powers of two alone, ticks at powers of two. start: where a linear axis begins.
    """

    label: str
    unit: str = ""
    log: bool = False
    start: float | None = None


def apply(axis: Any, scale: Scale, values: list[float], *, room: float | None = None) -> None:
    """Set scale, ticks and label of a matplotlib XAxis or YAxis for the values that it shows.

    room: how many points long a horizontal axis is about to be, for ticks whose labels do not touch. An axis with a
    value that has no logarithm is linear.
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    scale = replace(scale, log=scale.log and min(values, default=1.0) > 0)

    which: Literal["x", "y"] = axis.axis_name
    axes = axis.axes
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    set_limits = axes.set_xlim if which == "x" else axes.set_ylim
    most = _fitting(scale, values, room) if room else _TICKS
    level = _level(values) if which == "y" and scale.start is None else None
    if level is not None:
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
        set_limits(level - 0.1 * abs(level), level + 0.1 * abs(level))
    elif scale.log and (scale.unit == "B" or _all_powers_of_two(values)):
        set_scale("log", base=2)
        axis.set_major_locator(_powers_of_two(values, most))
        axis.set_minor_locator(NullLocator())
    elif scale.log:
        set_scale("log")
        axis.set_major_locator(_ratios(values))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(most, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value, scale.unit)))
    axis.set_label_text(scale.label)
    axis.label.set_visible(True)  # seaborn hides the label of an axis that has no ticks yet
    if scale.start is not None:
        top = max(values, default=scale.start)
        set_limits(scale.start, top + 0.08 * (top - scale.start) if top > scale.start else scale.start + 1)


def _fitting(scale: Scale, values: list[float], room: float) -> int:
    """How many steps between ticks so many points have room for, by the longest label at either end and within."""
    low, high = min(values), max(values)
    if scale.log and (scale.unit == "B" or _all_powers_of_two(values)):
        shown = [2.0**e for e in range(math.floor(math.log2(low)), math.ceil(math.log2(high)) + 1)]
    else:
        shown = [float(f"{v:.2g}") for v in (low, (low + high) / 3, high)]
    longest = max(len(tick(v, scale.unit)) for v in shown)
    return max(1, min(10, int(room / (_CHARACTER * longest + _GAP))))


def tick(value: float, unit: str) -> str:
    """A tick's label: prefixed for seconds and rates, binary for bytes, plain for anything else.

    A long unit is left to the label of the axis: `500 k` of messages per second.
    """
    if value == 0:
        return "0"
    if unit == "B":
        return format_bytes(round(value))
    if prefixed(unit):
        return format_si(value, unit if len(unit) <= _LONGEST_UNIT else "").strip()
    return f"{value:,.10g}" if abs(value) >= 1e-3 else format_value(value, unit)


def _level(values: list[float]) -> float | None:
    """The middle of values that are alike within 1 %, which an axis of their own width would draw as a curve."""
    low, high = min(values), max(values)
    return (low + high) / 2 if 0 < max(abs(low), abs(high)) * 0.01 >= high - low else None


def _all_powers_of_two(values: list[float]) -> bool:
    return all(v > 0 and math.log2(v).is_integer() for v in values)


def _powers_of_two(values: list[float], most: int) -> Any:
    from matplotlib.ticker import FixedLocator

    low, high = math.floor(math.log2(min(values))), math.ceil(math.log2(max(values)))
    step = max(1, math.ceil((high - low) / most))
    return FixedLocator([2.0**e for e in range(low, high + 1) if e % step == 0])


def _ratios(values: list[float]) -> Any:
    from matplotlib.ticker import LogLocator

    positive = [v for v in values if v > 0]
    decades = math.log10(max(positive) / min(positive)) if positive else 1
    if decades < 0.9:
        return LogLocator(base=10, subs=(1, 1.5, 2, 3, 4, 5, 6, 8))
    return LogLocator(base=10, subs=(1, 2, 5) if decades < 3 else (1,))
