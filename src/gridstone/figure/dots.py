"""Named values side by side: a dot with its interval on a line from zero, the value written beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gridstone.figure.direct import shortened
from gridstone.figure.scale import Scale, apply
from gridstone.figure.style import FLAW, HALF, INK, PAGE, PALETTE
from gridstone.figure.svg import draw
from gridstone.units import format_value

_CHARACTER, _MARGINS = 5.0, 24.0  # points: a character of a label, and what lies around labels and axes
_LONGEST = 34  # characters; a longer label would leave no room for the picture
_AHEAD = 7  # points between a dot's interval and its value
_MOST = 0.6  # the share of an axis that is left to a value beside the longest bar


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One named value with its interval; dots of one `group` share a colour, `flawed` marks a cell not ok."""

    label: str
    value: float
    lo: float
    hi: float
    group: str = ""
    flawed: bool = False


def dots(listed: Sequence[Dot], *, x: Scale, alt: str) -> str:
    """The figure as SVG, the first dot on top. Raises ValueError where there is none."""
    if not listed:
        raise ValueError("a figure needs at least one point")
    groups = list(dict.fromkeys(d.group for d in listed))

    def paint(axes: Any) -> None:
        import seaborn

        # All rows in one call of each kind: the cost of a picture is that of its artists.
        rows = range(len(listed))
        colours = [PALETTE[groups.index(dot.group) % len(PALETTE)] for dot in listed]
        values = [dot.value for dot in listed]
        axes.hlines(rows, 0, values, color=colours, linewidth=5, alpha=0.22)
        axes.hlines(rows, [dot.lo for dot in listed], [dot.hi for dot in listed], color=colours, linewidth=2)
        faces = [PAGE if dot.flawed else colour for dot, colour in zip(listed, colours, strict=True)]
        edges = [FLAW if dot.flawed else colour for dot, colour in zip(listed, colours, strict=True)]
        axes.scatter(values, rows, s=26, facecolors=faces, edgecolors=edges, linewidths=1.2, zorder=3)
        for row, dot in enumerate(listed):
            axes.annotate(
                format_value(dot.value, x.unit),
                (max(dot.hi, dot.value), row),
                textcoords="offset points",
                xytext=(_AHEAD, 0),
                va="center",
                color=INK,
                fontsize=8.5,
            )
        names = [shortened(d.label, _LONGEST) for d in listed]
        room = 72 * HALF[0] - _CHARACTER * max(map(len, names)) - _MARGINS
        apply(axes.xaxis, x, [0, *(d.hi for d in listed)], room=room)
        axes.set_xlim(min(0, 1.1 * min(d.lo for d in listed)), _end(listed, x.unit, room))
        axes.set_yticks(range(len(listed)), names)
        axes.set_ylim(len(listed) - 0.4, -0.6)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.grid(visible=False, axis="y")
        seaborn.despine(ax=axes, left=True)

    height = max(1.5, 0.75 + 0.27 * len(listed))
    return draw(paint, size=(HALF[0], height), alt=alt)


def _end(listed: Sequence[Dot], unit: str, room: float) -> float:
    """Where the axis ends so that each value, written right of its dot, ends before: the layout does not see to that.

    room: points that the axis takes.
    """
    shares = [min(_MOST, (_AHEAD + _CHARACTER * len(format_value(d.value, unit))) / room) for d in listed]
    ends = [max(d.hi, d.value) / (1 - share) for d, share in zip(listed, shares, strict=True)]
    return max(*ends, 1.3 * max(0, *(d.hi for d in listed))) or 1
