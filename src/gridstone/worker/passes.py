"""Which passes the cells of a run have had, and which they lack: what a resumed run goes on from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gridstone.measure import FINAL
from gridstone.store import Row


def made(rows: Sequence[Row]) -> int:
    """How many passes the rows of a cell rest on; 0 where it was never visited, or before passes were counted."""
    return max((len(row.passes) for row in rows), default=0)


def lacking(rows: Sequence[Row], passes: int) -> int:
    """How many passes of a run a cell with these rows lacks: all without rows, none where no visit would follow.

    None follows a visit that failed, nor for a cell that the machine cannot measure. Files from before passes were
    counted cannot tell, and are left as they are.
    """
    if not rows:
        return passes
    final = not made(rows) or all(row.status in FINAL for row in rows)
    return 0 if final else max(passes - made(rows), 0)


class Tally:
    """What the cells of a run have become so far. A cell counts once per pass in `done` and `total`."""

    def __init__(self, cells: Iterable[str], passes: int, kept: Mapping[str, Sequence[Row]]) -> None:
        self._passes = passes
        self._statuses = {cell_id: rows[0].status for cell_id, rows in kept.items()}
        self._lacks = {cell_id: lacking(kept.get(cell_id, ()), passes) for cell_id in cells}
        self.total = passes * len(self._lacks)
        self.done = self.total - sum(self._lacks.values())

    def enter(self, cell_id: str, rows: Sequence[Row]) -> None:
        """Count the rows that a cell has now."""
        lacks = lacking(rows, self._passes)
        self.done += self._lacks[cell_id] - lacks
        self._statuses[cell_id], self._lacks[cell_id] = rows[0].status, lacks

    def lacks(self, cell_id: str) -> int:
        """How many passes a cell lacks; none where it is no cell of the run."""
        return self._lacks.get(cell_id, 0)

    @property
    def complete(self) -> bool:
        """Whether no cell lacks a pass."""
        return self.done == self.total

    @property
    def finished(self) -> int:
        """How many cells lack no pass."""
        return sum(not lacks for lacks in self._lacks.values())

    @property
    def left(self) -> int:
        """How many cells have no rows."""
        return sum(cell_id not in self._statuses for cell_id in self._lacks)

    @property
    def short(self) -> int:
        """How many cells have rows that rest on fewer passes than the run makes."""
        return sum(lacks > 0 and cell_id in self._statuses for cell_id, lacks in self._lacks.items())

    @property
    def counts(self) -> dict[str, int]:
        """Cells by the status of their first row."""
        return dict(Counter(self._statuses.values()))
