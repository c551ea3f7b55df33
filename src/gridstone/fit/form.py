"""From points to knots: the candidate forms of a law, and the choice among them by cross-validation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gridstone.fit.capped import capped
from gridstone.fit.cells import points
from gridstone.fit.isotone import curves, isotone
from gridstone.fit.separable import separable
from gridstone.fit.trend import weighed
from gridstone.model.interpolate import Form, covers, evaluate
from gridstone.model.trend import followed

if TYPE_CHECKING:
    from gridstone.fit.cells import Sought
    from gridstone.model.interpolate import Table
    from gridstone.model.trend import Course

Exponents = Sequence[Sequence[float]]
Known = Callable[["Table"], "Course"]
# A trend alone, and a trend times a curve through what it leaves: one of terms of the coordinates that are weighed, and
# one that other probes give, in whole or but for some weights.
TERMS, KNOWN = "terms", "known"
_INNER_FOLDS, _MOST_BREAKS, _TRUSTED = 5, 6, 0.9
# A breakpoint must take a tenth off the held-out error; an error this small is rounding.
_WORTH_A_BREAK, _EXACT = 0.9, 1e-9
_THIN = 1e-9  # half the width of a switch, over its place


@dataclass(frozen=True, kw_only=True)
class Shape:
    """The course that was chosen for a law: a curve of a form through knots, times the trend where there is one."""

    candidate: str
    form: Form
    knots: Table
    trend: Course | None = None

    def at(self, x: Table) -> Table:
        """(k,): the values at `x` (k, d)."""
        return followed(self.knots, x, self.form, self.trend)

    def left(self, table: Table, coordinates: int) -> Table:
        """A table of coordinates and values with the values over the trend: what the curve alone has to follow."""
        return table if self.trend is None else _over(table, coordinates, self.trend)


def shaped(
    points: Table, candidate: str, *, rises: bool = False, terms: Exponents = (), known: Known | None = None
) -> Shape:
    """A candidate through points (n, d + 1): those of `fitted`, `terms` (the trend of such terms alone), or
    `terms*loglog` and `terms*cubic` (the trend times a curve through what it leaves); with `known` in place of `terms`
    the same of the trend that `known` makes of the points."""
    name, _, curve = candidate.partition("*")
    if name not in (TERMS, KNOWN):
        form, knots = fitted(points, candidate, rises=rises)
        return Shape(candidate=candidate, form=form, knots=knots)
    if name == KNOWN and known is None:
        raise ValueError(f"{candidate}: no trend is known")
    trend = known(points) if known and name == KNOWN else weighed(points, terms)
    if not curve:
        return Shape(candidate=candidate, form="loglog", knots=_flat(_constant(points)), trend=trend)
    form, knots = fitted(_over(points, points.shape[1] - 1, trend), curve)
    return Shape(candidate=candidate, form=form, knots=knots, trend=trend)


def fitted(points: Table, candidate: str, *, rises: bool = False) -> tuple[Form, Table]:
    """The form and knots of a candidate without a trend for points (n, d + 1), sorted by coordinates.

    `loglog`, `affine` and `harmonic` go straight through the points, `cubic` through them on a monotone cubic in the
    logarithms (scipy's PCHIP), `segments` is the continuous piecewise line t = a + b x with the fewest
    breakpoints that cross-validation asks for, `capped` the line through the points and up to the level that they end
    at (both of one coordinate only), and `separable` is `loglog` through a product of one factor per coordinate.
    `affine@4096` and the like are two such courses, one up to the single coordinate 4096 and one from there on, of
    which neither says anything of the other. rises: no value may fall along the last coordinate.
    """
    candidate, _, switch = candidate.partition("@")
    if switch:
        return _in_two(points, candidate, float(switch), rises)
    if candidate == "segments":
        line = _segments(points)
        return "affine", _flat(isotone(line) if rises else line)
    shaped = separable(points) if candidate == "separable" else points
    if rises:
        shaped = isotone(shaped)
    if candidate == "capped":
        return "affine", _flat(capped(shaped))
    if candidate == "cubic":
        return "cubic", np.column_stack([shaped, _slopes(shaped)])
    form: Form = "affine" if candidate == "affine" else "harmonic" if candidate == "harmonic" else "loglog"
    return form, _flat(shaped)


def choose(
    points: Table,
    candidates: Sequence[str],
    *,
    rises: bool = False,
    terms: Exponents = (),
    known: Known | None = None,
) -> str:
    """The candidate with the least mean error, in log space, on held-out points; ties go to the first.

    The worst tenth of each candidate's errors is left out of its mean: one outlier among the cells would
    otherwise choose the form of all.
    """
    if len(candidates) == 1 or len(points) < 4:
        return candidates[0]
    errors = {c: _error(points, c, rises, terms, known) for c in candidates}
    return min(candidates, key=lambda c: errors[c])


def fitted_to(points: Table, sought: Sought) -> Shape:
    """What cross-validation chooses for a law, or the law of the function's own; without coordinates, the median."""
    if not sought.axes:
        return Shape(candidate="constant", form="loglog", knots=_flat(np.median(points, axis=0, keepdims=True)))
    if sought.curve is not None:
        return Shape(candidate=sought.candidates[0], form="loglog", knots=_flat(sought.curve(points)))
    candidate = choose(points, sought.candidates, rises=sought.rises, terms=sought.terms, known=sought.known)
    return shaped(points, candidate, rises=sought.rises, terms=sought.terms, known=sought.known)


def course(sought: Sought, x: Table) -> Table:
    """(k,): the law through all cells of `sought` at the coordinates `x` (k, d), as a picture draws it."""
    return fitted_to(points(sought.cells, sought.axes)[:, : len(sought.axes) + 1], sought).at(x)


def folds(n: int, count: int, seed: int = 0) -> list[NDArray[np.intp]]:
    """Indices 0 to n - 1 shuffled and dealt into at most `count` folds."""
    order = np.random.default_rng(seed).permutation(n)
    return [np.sort(part) for part in np.array_split(order, min(count, n))]


def _error(points: Table, candidate: str, rises: bool, terms: Exponents, known: Known | None) -> float:
    found = [np.empty(0)]
    for held in folds(len(points), _INNER_FOLDS, seed=1):
        train = np.delete(points, held, axis=0)
        target = points[held]
        target = target[covers(train, target[:, :-1], np.inf)]
        if len(target):
            predicted = shaped(train, candidate, rises=rises, terms=terms, known=known).at(target[:, :-1])
            found.append(np.abs(np.log(target[:, -1] / predicted)))
    errors = np.sort(np.concatenate(found))
    return float(errors[: math.ceil(_TRUSTED * errors.size)].mean()) if errors.size else np.inf


def _in_two(points: Table, candidate: str, switch: float, rises: bool) -> tuple[Form, Table]:
    """The candidate on either side of the switch, each course continued as far as it."""
    left, right = np.split(points, [np.searchsorted(points[:, 0], switch)])
    if not len(left) or not len(right):
        return fitted(points, candidate, rises=rises)
    (form, below), (_, above) = (fitted(side, candidate, rises=rises) for side in (left, right))
    ends = switch * np.array([1 - _THIN, 1 + _THIN])
    values = [evaluate(side, end.reshape(1, 1), form)[0] for side, end in zip((below, above), ends, strict=True)]
    return form, np.concatenate([below, np.column_stack([ends, values, np.zeros(2)]), above])


def _flat(points: Table) -> Table:
    return np.column_stack([points, np.zeros(len(points))])


def _constant(points: Table) -> Table:
    return np.column_stack([points[:, :-1], np.ones(len(points))])


def _over(table: Table, coordinates: int, trend: Course) -> Table:
    values = table[:, coordinates:] / trend.at(table[:, :coordinates])[:, None]
    return np.column_stack([table[:, :coordinates], values])


def _slopes(points: Table) -> Table:
    """d log(value) / d log(last coordinate) at each point, by PCHIP along the last coordinate."""
    from scipy.interpolate import PchipInterpolator

    slopes = np.zeros(len(points))
    for rows in curves(points):
        x, y = np.log(points[rows, -2]), np.log(points[rows, -1])
        if x.size > 1:
            slopes[rows] = PchipInterpolator(x, y).derivative()(x)
    return slopes


def _segments(points: Table) -> Table:
    """Knots of the piecewise line: breakpoints are added one by one while held-out points gain by it."""
    x, y = points[:, 0], points[:, 1]
    if x.size < 3:
        return points
    breaks: list[float] = []
    error = _line_error(x, y, breaks)
    while len(breaks) < min(_MOST_BREAKS, len(x) - 4):
        candidate = _best_break(x, y, breaks)
        gained = _line_error(x, y, [*breaks, candidate])
        if error < _EXACT or gained > _WORTH_A_BREAK * error:
            break
        breaks, error = [*breaks, candidate], gained
    knots = np.array([x[0], *sorted(breaks), x[-1]])
    values = _line(x, y, breaks)(knots)
    return np.column_stack([knots, values]) if (values > 0).all() else points


def _line(x: Table, y: Table, breaks: Sequence[float]) -> Callable[[Table], Table]:
    """Least squares of the relative error over a + b x + sum of hinges; relative, as times span decades."""
    basis = _hinges(x, breaks)
    coefficients = np.linalg.lstsq(basis / y[:, None], np.ones_like(y), rcond=None)[0]
    return lambda at: _hinges(at, breaks) @ coefficients


def _hinges(x: Table, breaks: Sequence[float]) -> Table:
    return np.column_stack([np.ones_like(x), x, *(np.maximum(0.0, x - b) for b in sorted(breaks))])


def _best_break(x: Table, y: Table, breaks: Sequence[float]) -> float:
    """The inner point that, as one more breakpoint, leaves the least relative error; all are tried at once."""
    inner = np.setdiff1d(x[1:-1], breaks)
    known = np.broadcast_to(_hinges(x, breaks), (inner.size, x.size, 2 + len(breaks)))
    further = np.maximum(0.0, x[None, :] - inner[:, None])
    orthogonal, _ = np.linalg.qr(np.concatenate([known, further[:, :, None]], axis=2) / y[:, None])
    reached = np.einsum("cnp,cp->cn", orthogonal, orthogonal.sum(axis=1))
    return float(inner[np.square(reached - 1).sum(axis=1).argmin()])


def _line_error(x: Table, y: Table, breaks: Sequence[float]) -> float:
    errors: list[float] = []
    for held in folds(len(x), _INNER_FOLDS, seed=2):
        rest = np.delete(np.arange(len(x)), held)
        errors.extend(np.abs(_line(x[rest], y[rest], breaks)(x[held]) / y[held] - 1))
    return float(np.mean(errors))
