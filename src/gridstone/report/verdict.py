"""The first lines of the page: what was reached, how many cells can be trusted, and why the others cannot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridstone.report.family import Chapter
from gridstone.report.published import Comparison
from gridstone.report.speed import Bar
from gridstone.report.words import listing, percent
from gridstone.store import STATUSES, unsaid

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


_FEW = 3  # more names than these do not fit into a sentence


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many cells ended in one status, and what the status means."""

    status: str
    cells: int
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """Cells that share a status and a reason, and how many of them each probe has."""

    status: str
    reason: str
    cells: int
    probes: tuple[tuple[str, int], ...]


def headline(written: Sequence[Chapter], ceilings: Sequence[Bar]) -> str:
    """The first claim fit for the top of the page: a section's own, else the best share of a limit."""
    offered = [c.section.headline for c in written if c.section.headline]
    if offered:
        return offered[0]
    if ceilings:
        return f"{ceilings[0].probe} reaches {percent(ceilings[0].share)} of its limit"
    return written[0].section.heading if written else "Nothing could be measured"


def remarks(
    rows: pd.DataFrame, ceilings: Sequence[Bar], beside: Sequence[Comparison], info: Mapping[str, Any]
) -> list[str]:
    """Whether the headline can be leaned on: the limits, the clock, published values, a GPU that is missing."""
    found = []
    if len(ceilings) > 1:
        low, high = (percent(bar.share) for bar in (ceilings[-1], ceilings[0]))
        found.append(f"{len(ceilings)} limits are reached to between {low} and {high}")
    clocks = rows["sm_mhz"].dropna()
    if len(clocks):
        held = int(rows.loc[rows["throttle"].fillna("") != "", "cell_id"].nunique())
        seen = (
            f"{clocks.min():.0f} to {clocks.max():.0f} MHz"
            if clocks.min() < clocks.max()
            else f"{clocks.max():.0f} MHz"
        )
        by = f"something held it back in {held} cell{'' if held == 1 else 's'}" if held else "nothing held it back"
        found.append(f"The SM clock was {seen}; {by}")
    judged = [one for one in beside if one.verdict]
    if judged:
        missed = [one.quantity for one in judged if one.verdict != "normal"]
        but = f", all but {listing(missed)}" if 0 < len(missed) <= _FEW else ""
        found.append(f"{len(judged) - len(missed)} of {len(judged)} values that others have published are met{but}")
    if info.get("no_gpu"):
        found.append(f"No GPU was measured: {info['no_gpu']}")
    return found


def counts(rows: pd.DataFrame) -> list[Count]:
    """Cells by status, ok first; a cell counts once, under the worst status of the metrics that say something of it."""
    severity = {status: rank for rank, status in enumerate(STATUSES)}
    rows = rows[~unsaid(rows)]
    worst = rows["status"].map(severity).groupby(rows["cell_id"]).max()
    totals = worst.value_counts()
    return [
        Count(status=status, cells=int(totals[rank]), meaning=_MEANING.get(status, ""))
        for status, rank in severity.items()
        if rank in totals
    ]


def troubles(rows: pd.DataFrame) -> list[Trouble]:
    """All cells that are not ok, grouped by status and reason; what asks for attention first, then by size."""
    bad = rows[(rows["status"] != "ok") & ~unsaid(rows)]
    cells = bad.assign(reason=bad["reason"].fillna("no reason was recorded")).drop_duplicates(
        ["cell_id", "status", "reason"]
    )
    found = []
    for (status, reason), group in cells.groupby(["status", "reason"]):
        probes = tuple((str(probe), int(count)) for probe, count in group["probe"].value_counts(sort=False).items())
        found.append(Trouble(status=str(status), reason=str(reason), cells=len(group), probes=tuple(sorted(probes))))
    severity = {status: rank for rank, status in enumerate(STATUSES)}
    return sorted(found, key=lambda t: (-severity[t.status], -t.cells, t.reason))
