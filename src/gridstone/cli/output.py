"""How commands print: tables as wide as the terminal, JSON, and values with their intervals."""

from __future__ import annotations

import json
import math
import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from gridstone.units import format_value

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table

_USUAL, _WIDE = 80, 160
_BETWEEN, _LONGEST_WORD = 3, 24


def console(stream: TextIO | None = None) -> Console:
    """A console on standard output or another stream; `COLUMNS` rules its width, and a pipe has a wide one."""
    from rich.console import Console

    class Plain(Console):
        """Prints what results and probes say as text, which cannot steer the terminal."""

        def render_str(self, text: str, **how: Any) -> Any:
            return super().render_str(printable(text), **how)

    file = stream or sys.stdout
    narrow = file.isatty() or "COLUMNS" in os.environ
    made = Plain(file=file, width=None if narrow else _WIDE, markup=False, highlight=False, emoji=False)
    if made.width < 1:  # rich believes a COLUMNS of 0, and prints nothing
        made.width = _USUAL
    return made


def table(columns: Sequence[str], *, right: Sequence[str] = (), title: str | None = None) -> Table:
    """An empty table; the columns in `right` hold numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    empty = Table(box=SIMPLE_HEAD, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for name in columns:
        number = name in right
        empty.add_column(name, justify="right" if number else "left", no_wrap=number, overflow="fold")
    return empty


def print_table(screen: Console, shown: Table) -> None:
    """Print a table with all its numbers, which rich would cut: in lines wider than the terminal where need be."""
    width = screen.width
    screen.width = max(width, sum(_least(column) + _BETWEEN for column in shown.columns))
    screen.print(shown)
    screen.width = width


def printable(text: str) -> str:
    """The text with a question mark for every character that steers a terminal instead of being shown."""
    return "".join("?" if unicodedata.category(one)[0] == "C" and one not in "\n\t" else one for one in text)


def print_json(document: Any) -> None:
    """A document on standard output, with `null` for a number that is none."""
    print(json.dumps(_plain(document), indent=1, default=str))


def with_interval(value: float | None, lo: float | None, hi: float | None, unit: str) -> str:
    """`33.1 cycle/hop ± 0.2 %`, the value and half its interval over it, or with the interval's ends where that is more
    than the value, `1 ns (-2 us to 3 us)`."""
    text = format_value(value, unit)
    known = [x for x in (value, lo, hi) if x is not None and math.isfinite(x)]
    if len(known) < 3 or not known[0]:
        return text
    half = (known[2] - known[1]) / 2 / abs(known[0])
    if half > 0.99:
        return f"{text} ({format_value(known[1], unit)} to {format_value(known[2], unit)})"
    return f"{text} ± {100 * half:.2g} %"


def _least(column: Column) -> int:
    """Characters that a column needs: its longest number, or its longest word."""
    texts = [str(text) for text in (column.header, *column.cells)]
    pieces = texts if column.no_wrap else [word[:_LONGEST_WORD] for text in texts for word in text.split()]
    return max(map(len, pieces), default=0)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
