"""The first lines of the page: what was reached, how many cells can be trusted, and why the others cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridstone.store import STATUSES

if TYPE_CHECKING:
    import pandas as pd

_MEANING = {
    "skipped": "this machine lacks what they need",
    "timeout": "they did not end in time",
    "crashed": "their process died",
    "throttled": "the GPU slowed itself down meanwhile",
    "unverified": "their result or machine code does not hold what it should",
    "impossible": "their value is above a physical limit",
}


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many cells ended in one status, and what the status means."""

    status: str
    cells: int
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Cells of a probe that share a status and a reason."""

    probe: str
    status: str
    reason: str
    cells: int


def counts(rows: pd.DataFrame) -> list[Count]:
    """Cells by status, ok first; a cell counts once, under the worst status of its metrics."""
    severity = {status: rank for rank, status in enumerate(STATUSES)}
    worst = rows["status"].map(severity).groupby(rows["cell_id"]).max()
    totals = worst.value_counts()
    return [
        Count(status=status, cells=int(totals[rank]), meaning=_MEANING.get(status, ""))
        for status, rank in severity.items()
        if rank in totals
    ]


def troubles(rows: pd.DataFrame) -> list[Trouble]:
    """Everything that is not ok, grouped by probe, status and reason, in the order of the probes."""
    bad = rows[rows["status"] != "ok"]
    cells = bad.assign(reason=bad["reason"].fillna("no reason was recorded")).drop_duplicates(
        ["cell_id", "status", "reason"]
    )
    grouped = cells.groupby(["probe", "status", "reason"]).size()
    return [
        Trouble(probe=str(probe), status=str(status), reason=str(reason), cells=int(count))
        for (probe, status, reason), count in grouped.items()
    ]
