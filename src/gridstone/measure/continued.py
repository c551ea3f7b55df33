"""One row of two: what a cell had from passes of an earlier session, and what a pass of this one has added."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from gridstone.declaration import Machine
from gridstone.measure.interval import by_visit, clocks_of, interval, makers
from gridstone.measure.verdict import judged
from gridstone.store import Row

FINAL = frozenset({"skipped", "crashed", "timeout"})  # of all metrics of a cell: no visit follows
_SECONDS = ("wall_s", "overhead_s")
_MEDIANS = ("sm_mhz", "mem_mhz", "power_w", "temperature_c")


def continued(before: Row, after: Row, problem: str | None, machine: Machine) -> Row:
    """The row of a metric whose passes were made by two sessions, as it would be if one had made them all.

    Samples, and what is known of each visit, follow one another; value, interval and status are found anew. Of clocks,
    power, temperature and a limit at the measured clock each row has the median alone, so they are averaged by visits.
    A row that failed before any visit takes over what there was, under its own status. before: of the same device and
    binary. problem: what the gate finds wrong with that binary.
    """
    spent: dict[str, Any] = {name: _sum(getattr(before, name), getattr(after, name)) for name in _SECONDS}
    if after.status in FINAL and not after.visits:
        return replace(before, status=after.status, reason=after.reason, t_utc=after.t_utc, **spent)
    row = replace(after, **spent, **_visits(before, after), **_state(before, after))
    taken = by_visit(row.samples, row.visits)
    found = interval(row.unit, taken, clocks_of(row), makers(row.processes, row.passes))
    if found is None:
        return row
    row = replace(row, value=found.value, lo=found.lo, hi=found.hi, n=found.n)
    status, reason = judged(row, problem, machine)
    return replace(row, status=status, reason=reason)


def _visits(before: Row, after: Row) -> dict[str, Any]:
    names = ("samples", "visits", "processes", "passes")
    lists: dict[str, Any] = {name: [*getattr(before, name), *getattr(after, name)] for name in names}
    clocks = [*clocks_of(before), *clocks_of(after)]
    return lists | {"visit_mhz": clocks if any(map(math.isfinite, clocks)) else []}


def _state(before: Row, after: Row) -> dict[str, Any]:
    share = len(after.visits) / max(len(before.visits) + len(after.visits), 1)
    found: dict[str, Any] = {name: _mean(getattr(before, name), getattr(after, name), share) for name in _MEDIANS}
    if before.limit is not None and before.limit_kind == (after.limit_kind or before.limit_kind):
        found |= {"limit": _mean(before.limit, after.limit, share), "limit_kind": before.limit_kind}
    reasons = [row.throttle for row in (before, after) if row.throttle is not None]
    verdicts = [row.verified for row in (before, after) if row.verified is not None]
    return found | {
        "throttle": "|".join(sorted(set("|".join(reasons).split("|")) - {""})) if reasons else None,
        "verified": all(verdicts) if verdicts else None,
    }


def _mean(before: float | None, after: float | None, share: float) -> float | None:
    """The mean of two values of which the second has this share; the one that is known where one is not."""
    if before is None or after is None:
        return after if before is None else before
    return before + (after - before) * share


def _sum(before: float | None, after: float | None) -> float | None:
    return after if before is None else before + (after or 0.0)
