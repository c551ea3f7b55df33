"""A matrix of named rows and columns, a value in every field and its size as the field's shade."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gridstone.figure.fields import Field, fields
from gridstone.figure.style import PALETTE

_FAINTEST, _STRONGEST = 0.03, 0.55


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
    """The figure as SVG, the first row on top, values with two decimals and no more than four digits; NaN fields stay
    empty.

    low, high: the values at which the shade is faintest and strongest. Raises ValueError where there is no value.
    """
    placed = {
        (y, x): Field(text=_text(value), colour=PALETTE[1], shade=_shade(value, low, high))
        for y, row in enumerate(values)
        for x, value in enumerate(row)
        if math.isfinite(value)
    }
    return fields(
        placed,
        rows=rows,
        columns=columns,
        row_title=row_title,
        column_title=column_title,
        size=(max(4.0, 1.4 + 0.72 * len(columns)), 0.9 + 0.36 * len(rows)),
        text_size=9,
        alt=alt,
    )


def _text(value: float) -> str:
    digits = len(str(int(abs(value))))
    return f"{value:.{max(0, min(2, 4 - digits))}f}"


def _shade(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return _FAINTEST + min(1.0, max(0.0, share)) * (_STRONGEST - _FAINTEST)
