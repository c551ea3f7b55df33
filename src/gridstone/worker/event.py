"""What a session tells of while it goes on: for whoever shows progress."""

from __future__ import annotations

from dataclasses import dataclass

from gridstone.declaration import Cell
from gridstone.store import Row


@dataclass(frozen=True, kw_only=True)
class Resuming:
    """First of a run that is resumed: how many cells are finished, and how many have rows but lack a pass.

    done and total count a cell once per pass.
    """

    finished: int
    short: int
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class Compiling:
    """Kernels compiled and checked so far."""

    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class CellVisited:
    """A cell was visited, and will be again; `latest` is the median of its first metric in this visit.

    done and total count a cell once per pass.
    """

    cell: Cell
    latest: float | None
    done: int
    total: int


@dataclass(frozen=True, kw_only=True)
class CellDone:
    """A cell has its rows on disk: those of its passes so far, and why it failed if it did."""

    cell: Cell
    rows: list[Row]
    done: int
    total: int


Event = Resuming | Compiling | CellVisited | CellDone
