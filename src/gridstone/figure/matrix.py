"""A matrix of named rows and columns, a value in every field and its size as the field's shade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from gridstone.figure.style import INK, MUTED, PALETTE
from gridstone.figure.svg import draw

_FAINTEST, _STRONGEST = 0.03, 0.55  # shades: text on the strongest can still be read


def matrix(
    values: Sequence[Sequence[float]],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_title: str,
    column_title: str,
    low: float,
    high: float,
    alt: str,
) -> str:
    """The figure as SVG, the first row on top; NaN fields stay empty.

    low, high: the values at which the shade is faintest and strongest. Raises ValueError where there is no value.
    """
    if not any(math.isfinite(v) for row in values for v in row):
        raise ValueError("a figure needs at least one value")

    def paint(axes: Any) -> None:
        from matplotlib.patches import Rectangle

        for y, row in enumerate(values):
            for x, value in enumerate(row):
                if not math.isfinite(value):
                    continue
                share = min(1.0, max(0.0, (value - low) / (high - low)))
                shade = _FAINTEST + share * (_STRONGEST - _FAINTEST)
                axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=PALETTE[1], alpha=shade, linewidth=0))
                axes.annotate(f"{value:.2f}", (x, y), ha="center", va="center", color=INK, fontsize=9)
        axes.set_xlim(-0.5, len(columns) - 0.5)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.tick_params(labelcolor=INK)
        axes.set_xlabel(column_title, color=MUTED)
        axes.set_ylabel(row_title, color=MUTED)
        axes.grid(visible=False)
        for side in axes.spines.values():
            side.set_visible(False)

    return draw(paint, size=(max(4.0, 1.4 + 0.72 * len(columns)), 0.9 + 0.36 * len(rows)), alt=alt)
