"""One law and one function, fitted: knots, interval, quality, and the held-out cells that show it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.fit.cells import Sought, noise, points
from gridstone.fit.conformal import borrowed_interval, interval, summary, with_borrowed_intervals, with_intervals
from gridstone.fit.difficulty import difficulty
from gridstone.fit.form import fitted_to
from gridstone.fit.holdout import Held, at_other_sites, at_random, at_the_frontier, by_stand_in

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table

Judged = tuple[Held, float, float]  # and the interval of its prediction

_WHY_ABSENT = {
    "random": "too few cells to hold one out",
    "frontier": "too few cells to hold the outermost out",
    "site": "the runs are of one site",
}


@dataclass(frozen=True, kw_only=True)
class FittedFunction:
    """A function as it goes to disk: its record in model.json, its arrays and the rows of holdout.parquet."""

    record: dict[str, Any]
    arrays: dict[str, Table]
    holdout: list[dict[str, Any]]


def fit_function(name: str, form: str, wanted: Sequence[Sought]) -> FittedFunction:
    """Fit every law of a function; its record lacks `provenance`, which needs the runs."""
    held = [[*at_random(s), *at_the_frontier(s), *at_other_sites(s)] for s in wanted]
    pooled = [h for one in held for h in one if h.kind == "random"]
    apart = _stood_in_for(wanted)
    arrays: dict[str, Table] = {}
    laws, holdout, intervals = [], [], []
    for number, (sought, own) in enumerate(zip(wanted, held, strict=True)):
        key = f"{name}/{number}"
        of_kind = apart[sought.borrowed.like] if sought.borrowed else []
        record, tables = _law(sought, own, pooled, [h for h, _, _ in of_kind])
        rows = with_intervals(own, pooled if sought.axes else [], record["interval"], record["noise_floor"]["value"])
        rows += [row for alike in apart.values() for row in alike if row[0].fold == number]
        laws.append(record | {"arrays": key, "quality": _quality([*rows, *of_kind])})
        arrays |= {f"{key}/{part}": table for part, table in tables.items()}
        holdout += _rows(name, sought, rows)
        intervals += rows
    record = {"form": form, "quality": _quality(intervals), "laws": laws}
    return FittedFunction(record=record, arrays=arrays, holdout=holdout)


def _stood_in_for(wanted: Sequence[Sought]) -> dict[str, list[Judged]]:
    """What stand-ins made of the laws that they stand in for, with intervals, by what these are alike in."""
    held: dict[str, list[Held]] = {}
    for number, sought in enumerate(wanted):
        if sought.stand_in and sought.stand_in.borrowed:
            held.setdefault(sought.stand_in.borrowed.like, []).extend(by_stand_in(sought, number))
    return {like: with_borrowed_intervals(alike) for like, alike in held.items()}


def _law(
    sought: Sought, held: Sequence[Held], pooled: Sequence[Held], of_kind: Sequence[Held]
) -> tuple[dict[str, Any], dict[str, Table]]:
    table = points(sought.cells, sought.axes)
    values = table[:, : len(sought.axes) + 1]
    shape = fitted_to(values, sought)
    floor, origin = noise(sought.cells, sought.axes)
    if sought.borrowed:
        bounds = borrowed_interval(of_kind, [h for h in held if h.kind == "site"], sought.borrowed.width)
        hard = np.full(len(table), sought.borrowed.width)
    else:
        bounds = interval(held, pooled if sought.axes else [])
        hard = difficulty(shape.left(table, len(sought.axes)), shape.form) + bounds["offset"]
    record = {
        "keys": dict(sought.keys),
        "axes": list(sought.axes),
        "unit": sought.unit,
        "form": shape.form,
        "chosen": shape.candidate,
        "trend": shape.trend.record() if shape.trend else None,
        "rises": sought.rises,
        "bridged": sought.borrowed is not None,
        "interval": {**bounds, "half_width": max(floor, bounds["factor"] * float(np.median(hard)))},
        "noise_floor": {"value": floor, "from": origin},
        "domain": {a: [float(table[:, i].min()), float(table[:, i].max())] for i, a in enumerate(sought.axes)},
        "free": {name: list(box) for name, box in sought.free.items()},
        "parameters": dict(sought.parameters),
        "probes": sorted({*(str(p) for p in sought.cells["probe"].unique()), *sought.beside}),
        "cells": len(table),
    }
    return record, {"points": np.column_stack([table, hard]), "knots": shape.knots}


def _quality(rows: Sequence[Judged]) -> dict[str, Any]:
    of_kind = {kind: summary([r for r in rows if r[0].kind == kind]) for kind in (*_WHY_ABSENT, "borrowed")}
    by_kind = {kind: found for kind, found in of_kind.items() if found or kind in _WHY_ABSENT}
    return {**by_kind, "absent": {kind: why for kind, why in _WHY_ABSENT.items() if of_kind[kind] is None}}


def _rows(name: str, sought: Sought, rows: Sequence[Judged]) -> list[dict[str, Any]]:
    """The rows of holdout.parquet: where several runs hold a cell, they name that of the first."""
    axes = list(sought.axes)
    once = sought.cells.drop_duplicates(axes or ["cell_id"])
    places = once[axes].itertuples(index=False, name=None) if axes else once["cell_id"]
    cells = dict(zip(places, once[["probe", "cell_id"]].itertuples(index=False), strict=True))
    first = next(iter(cells.values()))  # of a law without coordinates, whose sites were held out
    named = [cells[held.coordinates] if axes else cells.get(held.cell_id, first) for held, _, _ in rows]
    return [
        {
            "function": name,
            "law": json.dumps(dict(sought.keys), sort_keys=True),
            "probe": str(cell.probe),
            "cell_id": str(cell.cell_id),
            "axes": json.dumps(dict(zip(sought.axes, held.coordinates, strict=True))),
            "unit": sought.unit,
            "measured": held.measured,
            "lo": held.lo,
            "hi": held.hi,
            "predicted": held.predicted,
            "pred_lo": lo,
            "pred_hi": hi,
            "kind": held.kind,
            "fold": held.fold,
        }
        for cell, (held, lo, hi) in zip(named, rows, strict=True)
    ]
