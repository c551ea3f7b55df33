"""What the moments of a run differ by: intervals are widened to what the two passes of their probe say of it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from gridstone.stats import estimate
from gridstone.units import adds_up, timed

_READ = ["metric", "unit", "value", "lo", "hi", "drift", "samples", "visits", "passes", "processes"]
_OFTEN = 0.9
_OFTEN_OF_NORMAL = 1.645  # the 90 % quantile of the magnitude of a normal deviate, in standard deviations
# A value rests on two moments, so 0.98 standard deviations of their difference are its 95 % interval. Two runs lie
# further apart in time than two passes of one, and what drifts has moved by half as much again.
_REACH = 1.5


def widened(results: pa.Table) -> pa.Table:
    """The results of one probe with `drift` filled in, and with no interval narrower than it.

    A machine drifts: its host has other guests, its links other traffic. One cell cannot tell, as it has two moments
    only, but the cells of a probe together can. For each metric, drift is the spread of the relative differences
    between the passes over all cells, read off their 90 % quantile, so that a few cells at a step do not speak
    for all. It is said of times and of cycles: a share, a count of bits or a slowdown, which is a ratio of two values
    of one moment, does not drift with the machine. Doing it twice changes nothing.
    """
    rows = results.select(_READ).to_pylist()
    for row in rows:
        if row["value"] is not None and adds_up(row["unit"]):  # an earlier version gave the median
            row |= _from_samples(row)
    drift = _drift(rows)
    found = [None if row["value"] is None else drift.get(row["metric"]) for row in rows]
    for row, moved in zip(rows, found, strict=True):
        if moved is None and row["drift"] is not None:  # an earlier version said so: back to the samples
            row |= _from_samples(row)
    lo, hi = _reached(rows, found, -1), _reached(rows, found, 1)
    value = [row["value"] for row in rows]
    for name, column in {"value": value, "lo": lo, "hi": hi, "drift": found}.items():
        at = results.schema.get_field_index(name)
        results = results.set_column(at, results.schema.field(at), pa.array(column, pa.float64()))
    return results


def _drift(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """By metric, over the cells with two passes."""
    apart: dict[str, list[float]] = {}
    for row in rows:
        if row["value"] and len(row["passes"]) > 1 and (timed(row["unit"]) or "cycle" in row["unit"]):
            first, *_, last = _of_passes(row)
            apart.setdefault(row["metric"], []).append(abs(last - first) / abs(row["value"]))
    return {m: _REACH * float(np.quantile(found, _OFTEN)) / _OFTEN_OF_NORMAL for m, found in apart.items()}


def _from_samples(row: Mapping[str, Any]) -> dict[str, float]:
    visits = np.split(row["samples"], np.cumsum(row["visits"])[:-1])
    found = estimate(*visits, processes=row["processes"], mean=adds_up(row["unit"]))
    return {"value": found.value, "lo": found.lo, "hi": found.hi}


def _of_passes(row: Mapping[str, Any]) -> list[float]:
    """What each pass alone would have given."""
    middle = np.mean if adds_up(row["unit"]) else np.median
    edges = np.cumsum([0, *row["visits"]])[np.cumsum([0, *row["passes"]])]
    return [float(middle(row["samples"][a:b])) if b > a else row["value"] for a, b in itertools.pairwise(edges)]


def _reached(rows: Sequence[Mapping[str, Any]], drift: Sequence[float | None], sign: int) -> list[float | None]:
    ends = []
    for row, moved in zip(rows, drift, strict=True):
        end = row["lo"] if sign < 0 else row["hi"]
        if end is not None and moved is not None:
            reach = row["value"] + sign * moved * abs(row["value"])
            end = min(end, reach) if sign < 0 else max(end, reach)
        ends.append(end)
    return ends
