"""Names of lines written at their ends, in their colours, moved apart where they would lie on each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gridstone.figure.style import PAGE

_LEADING = 11.5  # points from one name to the next
_FRAME = 46  # points of a figure's height that its axes do not have: ticks, axis label, margins
_LONGEST = 26  # characters
_LEAD, _CHARACTER = 14.0, 5.0  # points: from the axes to a name, and a character of it


def name_ends(axes: Any, names: Sequence[str], ends: Sequence[tuple[float, float]], colours: Sequence[str]) -> None:
    """Write each name right of the axes, joined by a thin line to the point where its series ends.

    The scales and limits of the axes must be final.
    """
    into_axes = axes.transData + axes.transAxes.inverted()
    heights = [float(into_axes.transform(end)[1]) for end in ends]
    step = _LEADING / (72 * axes.figure.get_figheight() - _FRAME)
    for name, end, height, colour in zip(names, ends, apart(heights, step), colours, strict=True):
        axes.annotate(
            shortened(name, _LONGEST),
            end,
            xytext=(1.035, height),
            textcoords="axes fraction",
            va="center",
            color=colour,
            fontsize=8.5,
            annotation_clip=False,
            bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 0.5},
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.7,
                "linestyle": (0, (1.5, 1.5)),
                "shrinkA": 1,
                "shrinkB": 3,
                "relpos": (0, 0.5),
            },
        )


def width_of(names: Sequence[str]) -> float:
    """Points right of the axes that such names take, with the lines that lead to them."""
    return _LEAD + _CHARACTER * max((len(shortened(name, _LONGEST)) for name in names), default=0)


def apart(heights: Sequence[float], step: float) -> list[float]:
    """Heights (0 to 1) moved as little as keeps neighbours `step` apart, in the same order.

    Groups of names that touch are moved as one, so that they stay centred on where they belong.
    """
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    groups: list[list[int]] = []
    for index in order:
        groups.append([index])
        while len(groups) > 1 and _bottom(groups[-1], heights, step) < _top(groups[-2], heights, step) + step:
            upper = groups.pop()
            groups[-1] += upper
    placed = list(heights)
    for group in groups:
        for rank, index in enumerate(group):
            placed[index] = _bottom(group, heights, step) + rank * step
    return placed


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis where it has more than `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _bottom(group: Sequence[int], heights: Sequence[float], step: float) -> float:
    extent = (len(group) - 1) * step
    return min(max(sum(heights[i] for i in group) / len(group) - extent / 2, 0.0), max(1 - extent, 0.0))


def _top(group: Sequence[int], heights: Sequence[float], step: float) -> float:
    return _bottom(group, heights, step) + (len(group) - 1) * step
