"""A matrix of words: which of a few ways is taken where, a colour to each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gridstone.figure.fields import Field, fields
from gridstone.figure.style import PALETTE

_SHADE = 0.28


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What is taken in a field, and a note below it."""

    word: str
    note: str = ""


def choices(
    taken: Mapping[tuple[str, str], Choice],
    *,
    rows: Sequence[str],
    columns: Sequence[str],
    row_title: str,
    column_title: str,
    alt: str,
) -> str:
    """The figure as SVG, the first row on top; choices by (row, column), of which any may lack.

    Raises ValueError where there is none.
    """
    words = sorted({choice.word for choice in taken.values()})
    placed = {
        (rows.index(row), columns.index(column)): Field(
            text=choice.word.replace("_", " "),
            note=choice.note,
            colour=PALETTE[words.index(choice.word) % len(PALETTE)],
            shade=_SHADE,
        )
        for (row, column), choice in taken.items()
    }
    return fields(
        placed,
        rows=rows,
        columns=columns,
        row_title=row_title,
        column_title=column_title,
        size=(max(3.0, 1.4 + 0.86 * len(columns)), 0.9 + 0.4 * len(rows)),
        text_size=8,
        alt=alt,
    )
