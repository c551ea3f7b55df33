"""How an axis of a figure is scaled and labelled: SI and binary prefixes, round ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from gridstone.units import format_bytes, format_si, format_value


@dataclass(frozen=True, kw_only=True)
class Scale:
    """An axis: its label, the SI unit of its values, and whether equal steps are equal ratios.

    A logarithmic axis in bytes, or of powers of two alone, ticks at powers of two. start: where a linear axis begins.
    """

    label: str
    unit: str = ""
    log: bool = False
    start: float | None = None


def apply(axis: Any, scale: Scale, values: list[float]) -> None:
    """Set scale, ticks and label of a matplotlib XAxis or YAxis for the values that it shows."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullLocator

    which: Literal["x", "y"] = axis.axis_name
    axes = axis.axes
    set_scale = axes.set_xscale if which == "x" else axes.set_yscale
    if scale.log and (scale.unit == "B" or _all_powers_of_two(values)):
        set_scale("log", base=2)
        axis.set_major_locator(_powers_of_two(values, most=10 if axes.figure.get_figwidth() > 6 else 6))
        axis.set_minor_locator(NullLocator())
    elif scale.log:
        set_scale("log")
        axis.set_major_locator(_ratios(values))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick(value, scale.unit)))
    axis.set_label_text(scale.label)
    axis.label.set_visible(True)  # seaborn hides the label of an axis that has no ticks yet
    if scale.start is not None:
        most = max(values, default=scale.start + 1)
        (axes.set_xlim if which == "x" else axes.set_ylim)(scale.start, most + 0.08 * (most - scale.start))


def tick(value: float, unit: str) -> str:
    """A tick's label: prefixed for seconds and rates, binary for bytes, plain for anything else."""
    if value == 0:
        return "0"
    if unit == "B":
        return format_bytes(round(value))
    if unit == "s" or unit.endswith("/s") or unit in ("W", "Hz"):
        return format_si(value, unit)
    return f"{value:,.10g}" if abs(value) >= 1e-3 else format_value(value, unit)


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
