"""A grid of named rows and columns with a shaded field where they meet: what matrices and choices are drawn with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridstone.figure.style import INK, MUTED
from gridstone.figure.svg import draw


@dataclass(frozen=True, kw_only=True)
class Field:
    """What stands in a field, a note below it, and its colour and shade (0 to 1, on which text can be read)."""

    text: str
    note: str = ""
    colour: str
    shade: float


def fields(
    placed: Mapping[tuple[int, int], Field],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_title: str,
    column_title: str,
    size: tuple[float, float],
    text_size: float,
    alt: str,
) -> str:
    """The figure as SVG, the first row on top; fields by (row, column), of which any may lack.

    size: of the figure, in inches. text_size: in points. Raises ValueError where there is no field.
    """
    if not placed:
        raise ValueError("a figure needs at least one field")

    def paint(axes: Any) -> None:
        from matplotlib.patches import Rectangle

        for (y, x), field in placed.items():
            axes.add_patch(
                Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=field.colour, alpha=field.shade, linewidth=0)
            )
            up = -0.13 if field.note else 0.0
            axes.annotate(field.text, (x, y + up), ha="center", va="center", color=INK, fontsize=text_size)
            if field.note:
                axes.annotate(field.note, (x, y + 0.24), ha="center", va="center", color=MUTED, fontsize=6.5)
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

    return draw(paint, size=size, alt=alt)
