"""What the moments of a run differ by: intervals are widened to what the two passes of their probe say of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gridstone.measure.clocks import at_one_clock
from gridstone.measure.interval import by_visit, makers
from gridstone.stats import estimate
from gridstone.units import adds_up, timed

if TYPE_CHECKING:
    import pyarrow as pa

_READ = ["metric", "unit", "value", "lo", "hi", "drift", "samples", "visits", "visit_mhz", "passes", "processes"]
_OFTEN = 0.9
# A value rests on two moments, so 0.98 standard deviations of their difference are its 95 % interval. Two runs lie
# further apart in time than two passes of one, and what drifts has moved by half as much again.
_REACH = 1.5


def widened(results: pa.Table) -> pa.Table:
    """The results of one probe with `drift` filled in, and with no interval narrower than it.

    A machine drifts: its host has other guests, its links other traffic. One cell cannot tell, as it has two moments
    only, but the cells of a probe together can. For each metric, drift is the standard deviation of the relative
    difference between the passes; of cycles, of what is left beyond the differences within a pass. It is said of times
    and of cycles: a share, a count of bits or a slowdown, which is a ratio of two values of one moment, does not drift
    with the machine. Doing it twice changes nothing.
    """
    import pyarrow as pa

    rows = results.select(_READ).to_pylist()
    for row in (row for row in rows if row["value"] is not None):
        row["by_visit"] = _visits(row)
        if row["drift"] is not None or _has_a_median_of_old(row):
            row |= _from_samples(row)
    drift = _drift(rows)
    found = [None if row["value"] is None else drift.get(row["metric"]) for row in rows]
    lo, hi = _reached(rows, found, -1), _reached(rows, found, 1)
    value = [row["value"] for row in rows]
    for name, column in {"value": value, "lo": lo, "hi": hi, "drift": found}.items():
        at = results.schema.get_field_index(name)
        results = results.set_column(at, results.schema.field(at), pa.array(column, pa.float64()))
    return results


def _drift(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """By metric, over the cells with two passes."""
    apart: dict[str, list[tuple[float, float, int]]] = {}
    for row in rows:
        if row["value"] and len(row["passes"]) > 1 and (timed(row["unit"]) or "cycle" in row["unit"]):
            apart.setdefault(row["metric"], []).append(_apart(row))
    return {metric: _REACH * _between(*np.array(found).T) for metric, found in apart.items()}


def _apart(row: Mapping[str, Any]) -> tuple[float, float, int]:
    """How far the last pass lies from the first, its standard error by the processes within each, and its freedom.

    Both are relative to the value. What processes differ by in cycles hangs on the cell, as on where its lines lie: its
    own processes know, and the bootstrap has it already. In times it hangs on the machine, as on what a process has
    of its links: all cells together know better than the six processes of one, which may agree by luck, so the whole
    difference counts as the moments'. It does also where a pass has one process.
    """
    first, *_, last = _levels(row)
    freedom = len(first) + len(last) - 2
    error = 0.0
    if freedom and not timed(row["unit"]):
        within = sum(((levels - levels.mean()) ** 2).sum() for levels in (first, last)) / freedom
        error = float(np.sqrt(within * (1 / len(first) + 1 / len(last))))
    value = abs(row["value"])
    return abs(last.mean() - first.mean()) / value, error / value, freedom


def _between(differences: NDArray[Any], errors: NDArray[Any], freedom: NDArray[Any]) -> float:
    """The standard deviation that, beside the errors, makes nine in ten differences as small as they should be.

    That quantile, so that a few cells at a step do not speak for all. How small is by Student's distribution with
    the freedom of the sum of both variances (Welch and Satterthwaite).
    """
    from scipy.optimize import brentq  # half a second to import, which only the end of a run needs
    from scipy.special import stdtrit

    def beyond(deviation: float) -> float:
        variance = errors**2 + deviation**2
        with np.errstate(divide="ignore", invalid="ignore"):
            effective = np.where(errors > 0, freedom * (variance / errors**2) ** 2, np.inf)
            often = stdtrit(np.minimum(effective, 1e6), (1 + _OFTEN) / 2)
            ratios = np.where(differences > 0, differences / (often * np.sqrt(variance)), 0.0)
        return float(np.quantile(np.minimum(ratios, 1e6), _OFTEN)) - 1

    if beyond(0.0) <= 0:
        return 0.0
    return float(brentq(beyond, 0.0, differences.max(), xtol=1e-12))


def _has_a_median_of_old(row: Mapping[str, Any]) -> bool:
    """Whether the value is not the mean that it should be: an earlier version gave no means."""
    return adds_up(row["unit"]) and not math.isclose(row["value"], np.concatenate(row["by_visit"]).mean(), rel_tol=1e-9)


def _from_samples(row: Mapping[str, Any]) -> dict[str, float]:
    processes = makers(row["processes"], row["passes"]) if row["passes"] else row["processes"]
    found = estimate(*row["by_visit"], processes=processes, mean=adds_up(row["unit"]))
    return {"value": found.value, "lo": found.lo, "hi": found.hi}


def _levels(row: Mapping[str, Any]) -> Iterator[NDArray[np.float64]]:
    """For each pass, the middle of what each of its processes sampled."""
    middle = np.mean if adds_up(row["unit"]) else np.median
    visits = row["by_visit"]
    processes = row["processes"] or [0] * len(visits)
    for start, end in itertools.pairwise(np.cumsum([0, *row["passes"]])):
        made: dict[int, list[Any]] = {}
        for process, visit in zip(processes[start:end], visits[start:end], strict=True):
            if len(visit):
                made.setdefault(process, []).append(visit)
        yield np.array([middle(np.concatenate(of_process)) for of_process in made.values()] or [row["value"]])


def _visits(row: Mapping[str, Any]) -> list[NDArray[np.float64]]:
    """The samples of each visit, cycles at one clock."""
    return at_one_clock(row["unit"], by_visit(row["samples"], row["visits"]), row["visit_mhz"])


def _reached(rows: Sequence[Mapping[str, Any]], drift: Sequence[float | None], sign: int) -> list[float | None]:
    ends = []
    for row, moved in zip(rows, drift, strict=True):
        end = row["lo"] if sign < 0 else row["hi"]
        if end is not None and moved is not None:
            reach = row["value"] + sign * moved * abs(row["value"])
            end = min(end, reach) if sign < 0 else max(end, reach)
        ends.append(end)
    return ends
