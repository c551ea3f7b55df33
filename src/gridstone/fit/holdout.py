"""Held-out cells: each is predicted by a law that was fitted, form and all, without it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from gridstone.fit.cells import Sought, points
from gridstone.fit.difficulty import difficulty
from gridstone.fit.form import fitted_to, folds
from gridstone.model.interpolate import covers, largest_around, octaves_outside

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table

Kind = Literal["random", "frontier", "site", "borrowed", "borrowed_frontier"]
_FOLDS = 10


@dataclass(frozen=True, kw_only=True)
class Held:
    """A held-out point: what was measured and what the rest predicts.

    difficulty: how hard the rest is to follow there, in log space; octaves: how far outside the rest a point of the
    frontier is. cell_id: the cell, of a law without coordinates; elsewhere the coordinates say it.
    """

    kind: Kind
    fold: int
    coordinates: tuple[float, ...]
    measured: float
    lo: float
    hi: float
    predicted: float
    difficulty: float
    octaves: float
    cell_id: str | None = None

    @property
    def residual(self) -> float:
        """log(measured / predicted)."""
        return float(np.log(self.measured / self.predicted))

    def score(self, offset: float) -> float:
        """The residual over the difficulty and an offset: what conformal quantiles are taken of."""
        return abs(self.residual) / (self.difficulty + offset)


def at_random(sought: Sought) -> list[Held]:
    """Ten shuffled folds. Points at the rim are not counted, as a model without them would refuse there.

    Those of a law with a form of its own are: it says what lies beyond the rest, and its intervals know how well.
    Steps of the rest may be of any width: a coarse grid shows what its interpolation is worth. A law without
    coordinates says one number of all its cells, so each of them is predicted by the others.
    """
    if not sought.axes:
        return _cells_at_random(sought)
    table = points(sought.cells, sought.axes)
    if len(table) < 3:
        return []
    held = []
    for number, indices in enumerate(folds(len(table), _FOLDS)):
        train = np.delete(table, indices, axis=0)
        inside = covers(train, table[indices, : len(sought.axes)], np.inf)
        counted = indices if sought.curve is not None else indices[inside]
        held += _predict("random", number, train, table[counted], sought)
    return held


def _cells_at_random(sought: Sought) -> list[Held]:
    each = sought.cells.groupby("cell_id", sort=True).agg(value=("value", "median"), lo=("lo", "min"), hi=("hi", "max"))
    table = each.to_numpy(float)
    if len(table) < 3:
        return []
    held = []
    for number, indices in enumerate(folds(len(table), _FOLDS)):
        found = _predict("random", number, np.delete(table, indices, axis=0), table[indices], sought)
        held += [replace(one, cell_id=str(each.index[i])) for one, i in zip(found, indices, strict=True)]
    return held


def at_the_frontier(sought: Sought) -> list[Held]:
    """The outermost octave at each end of each coordinate, predicted by continuing the rest."""
    table = points(sought.cells, sought.axes)
    held, number = [], 0
    for axis in range(len(sought.axes)):
        column = table[:, axis]
        for outermost in (column > column.max() / 2, column < column.min() * 2):
            if outermost.any() and (~outermost).sum() >= 3:
                held += _predict("frontier", number, table[~outermost], table[outermost], sought)
                number += 1
    return held


def at_other_sites(sought: Sought) -> list[Held]:
    """Each site predicted by the others; nothing where there is one site only."""
    sites = sorted(sought.cells["site"].unique())
    held = []
    for number, site in enumerate(sites if len(sites) > 1 else ()):
        here = sought.cells["site"] == site
        train, target = points(sought.cells[~here], sought.axes), points(sought.cells[here], sought.axes)
        inside = covers(train, target[:, : len(sought.axes)])
        held += _predict("site", number, train, target[inside], sought)
    return held


def by_stand_in(sought: Sought, fold: int) -> list[Held]:
    """The cells of a law that its stand-in lacks, as that predicts them: between its own cells, and beyond the largest.

    All places are as hard as the cells that the stand-in borrows from are uncertain.
    """
    other = sought.stand_in
    if other is None or other.borrowed is None:
        return []
    ends, table = points(other.cells, other.axes), points(sought.cells, sought.axes)
    target = table[(table[:, 0] > ends[0, 0]) & (table[:, 0] != ends[-1, 0])]
    predicted = fitted_to(ends[:, :2], other).at(target[:, :1])
    octaves = octaves_outside(ends, target[:, :1])
    return [
        Held(
            kind="borrowed_frontier" if octaves[i] else "borrowed",
            fold=fold,
            coordinates=(float(row[0]),),
            measured=float(row[1]),
            lo=float(row[2]),
            hi=float(row[3]),
            predicted=float(predicted[i]),
            difficulty=other.borrowed.width,
            octaves=float(octaves[i]),
        )
        for i, row in enumerate(target)
    ]


def _predict(kind: Kind, fold: int, train: Table, target: Table, sought: Sought) -> list[Held]:
    d = len(sought.axes)
    at = target[:, :d]
    shape = fitted_to(train[:, : d + 1], sought)
    hard = np.column_stack([train, difficulty(shape.left(train, d), shape.form)])
    predicted, around = shape.at(at), largest_around(hard, at)
    octaves = octaves_outside(train, at) if kind == "frontier" else np.zeros(len(at))
    return [
        Held(
            kind=kind,
            fold=fold,
            coordinates=tuple(float(v) for v in row[:d]),
            measured=float(row[d]),
            lo=float(row[d + 1]),
            hi=float(row[d + 2]),
            predicted=float(predicted[i]),
            difficulty=float(around[i]),
            octaves=float(octaves[i]),
        )
        for i, row in enumerate(target)
    ]
