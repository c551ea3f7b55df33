"""A matrix of words: which of a few ways is taken where, a colour to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridstone.figure.style import INK, MUTED, PALETTE
from gridstone.figure.svg import draw

_SHADE = 0.28  # text on it can still be read


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is taken in a field, and a note below it."""

    word: str
    note: str = ""


def choices(
    fields: Mapping[tuple[str, str], Choice],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_title: str,
    column_title: str,
    alt: str,
) -> str:
    """The figure as SVG, the first row on top; fields by (row, column), of which any may lack.

    Raises ValueError where there is no field.
    """
    if not fields:
        raise ValueError("a figure needs at least one field")
    words = sorted({field.word for field in fields.values()})

    def paint(axes: Any) -> None:
        from matplotlib.patches import Rectangle

        for (row, column), field in fields.items():
            x, y = columns.index(column), rows.index(row)
            colour = PALETTE[words.index(field.word) % len(PALETTE)]
            axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, color=colour, alpha=_SHADE, linewidth=0))
            up = -0.13 if field.note else 0.0
            axes.annotate(field.word.replace("_", " "), (x, y + up), ha="center", va="center", color=INK, fontsize=8)
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

    return draw(paint, size=(max(3.0, 1.4 + 0.86 * len(columns)), 0.9 + 0.4 * len(rows)), alt=alt)
