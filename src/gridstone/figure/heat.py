"""A matrix as colours, in groups of columns: what depends on a pair of things that only meet within their group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gridstone.figure.style import INK, MUTED, RULE, WIDE
from gridstone.figure.svg import draw

_COLOURS = "viridis"
_ACROSS, _CHARACTER = 0.86, 4.9  # the share of a picture's width that the matrix has; points of a label's character
_TRIMMED = 1.0  # per cent of the values at each end that share the end's colour


@dataclass(frozen=True, kw_only=True)
class Block:
    """One group: its name, and a list per column with a value per row, NaN where there is none."""

    label: str
    columns: Sequence[Sequence[float]]


def heat(blocks: Sequence[Block], *, x: str, y: str, unit: str, alt: str) -> str:
    """The figure as SVG: blocks side by side, the first row at the bottom, and a bar that says which colour is what.

    x and y: what the columns and rows are. Raises ValueError where there is no value.
    """
    values = sorted(v for block in blocks for column in block.columns for v in column if math.isfinite(v))
    if not values:
        raise ValueError("a figure needs at least one point")
    cut = int(len(values) * _TRIMMED / 100)
    low, high = values[cut], values[len(values) - 1 - cut]
    width = sum(len(block.columns) for block in blocks)
    height = max(len(column) for block in blocks for column in block.columns)

    def paint(axes: Any) -> None:
        import numpy as np

        picture = np.full((height, width), np.nan)
        start, middles = 0, []
        for block in blocks:
            for offset, column in enumerate(block.columns):
                picture[: len(column), start + offset] = column
            middles.append(start + len(block.columns) / 2 - 0.5)
            start += len(block.columns)
            if start < width:
                axes.axvline(start - 0.5, color=RULE, linewidth=2)
        image = axes.imshow(
            picture, origin="lower", aspect="auto", interpolation="nearest", cmap=_COLOURS, vmin=low, vmax=high
        )
        axes.grid(visible=False)
        room = _ACROSS * 72 * WIDE[0] / width
        axes.set_xticks(middles, [_fitting(block.label, room * len(block.columns)) for block in blocks])
        axes.tick_params(axis="x", labelcolor=INK)
        axes.set_xlabel(x)
        axes.set_ylabel(y)
        axes.yaxis.get_major_locator().set_params(integer=True)
        for side in axes.spines.values():
            side.set_visible(False)
        bar = axes.figure.colorbar(image, ax=axes, pad=0.01, aspect=30)
        bar.outline.set_visible(False)
        bar.set_label(unit, color=MUTED)

    return draw(paint, size=WIDE, alt=alt)


def _fitting(label: str, room: float) -> str:
    """The label, or what stands before its colon, where so many points have room for it; else nothing."""
    return next((words for words in (label, label.partition(":")[0]) if _CHARACTER * len(words) <= room), "")
