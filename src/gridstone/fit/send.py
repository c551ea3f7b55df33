"""send_time from pingpong/strided, and what choosing the method by it costs on points that it has not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.fit.cells import Sought, cells, points, usable
from gridstone.fit.form import choose, folds, shaped
from gridstone.model.interpolate import covers

if TYPE_CHECKING:
    import pandas as pd

    from gridstone.model.interpolate import Table

NAME = "send_time"
FORM = "a call, its bytes and its blocks, or a curve over log stride, block and bytes; regret of the fastest method"
PROBES = ("pingpong/strided",)
AXES = ("stride", "block", "bytes")
_CANDIDATES = ("terms", "terms*loglog", "loglog")
# Exponents of stride, block and bytes in what a message may spend its time on: the calls, its bytes, its blocks.
_TERMS = ((0, 0, 0), (0, 0, 1), (0, -1, 1))
_FOLDS = 10


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per method, library and placement. All laws of a choice carry its regret as a parameter."""
    rows = usable(frame, "pingpong/strided", "time")
    found: list[Sought] = []
    if rows.empty:
        return found
    for (library, tier), place in rows[rows["tier"] != "network"].groupby(["library", "tier"], sort=True):
        tables = {
            str(method): cells(part, stride=part["stride"], block=part["block"], bytes=part["bytes"])
            for method, part in place.groupby("method", sort=True)
        }
        lost = regret({method: points(table, AXES)[:, : len(AXES) + 1] for method, table in tables.items()})
        found += [
            Sought(
                keys={"method": method, "colocated": bool(tier == "gpu"), "library": str(library)},
                axes=AXES,
                unit="s",
                cells=table,
                candidates=_CANDIDATES,
                terms=_TERMS,
                parameters={} if lost is None else {"regret": lost},
            )
            for method, table in tables.items()
        ]
    return found


def regret(tables: Mapping[str, Table]) -> dict[str, Any] | None:
    """What is lost by taking, at points held out, the method that the other points say is fastest.

    tables: by method, (n, d + 1) with coordinates and time. Points that all methods have are dealt into ten folds; a
    fold is predicted by the law of the others, in the form that they choose, where they surround it. The
    regret of a point is the measured time of the method chosen over that of the fastest one, less 1. Returns mean, most
    (the largest), wrong (the share of points where another method was faster) and points (how many); None where
    nothing can be held out or there is one method only.
    """
    if len(tables) < 2:
        return None
    names = sorted(tables)
    times = [{tuple(row[:-1]): float(row[-1]) for row in tables[name]} for name in names]
    shared = sorted(set.intersection(*(set(one) for one in times)))
    lost = []
    for held in folds(len(shared), _FOLDS) if shared else []:
        out = [shared[i] for i in held]
        rests = [np.array([[*x, t] for x, t in sorted(one.items()) if x not in out]) for one in times]
        if min(len(rest) for rest in rests) == 0:
            continue
        at = np.array(out)
        inside = np.logical_and.reduce([covers(rest, at, np.inf) for rest in rests])
        predicted = np.array([_law(rest, at) for rest in rests])
        for point, choice in zip(at[inside], predicted.argmin(axis=0)[inside], strict=True):
            measured = [one[tuple(point)] for one in times]
            lost.append(measured[choice] / min(measured) - 1)
    if not lost:
        return None
    wrong = float(np.mean(np.array(lost) > 0))
    return {"mean": float(np.mean(lost)), "most": float(max(lost)), "wrong": wrong, "points": len(lost)}


def _law(rest: Table, at: Table) -> Table:
    candidate = choose(rest, _CANDIDATES, terms=_TERMS)
    return shaped(rest, candidate, terms=_TERMS).at(at)
