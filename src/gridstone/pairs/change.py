"""How well the additive model of pairs is known, and what a second table of the same pairs changes in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridstone.pairs.additive import Additive, additive, groups, normal_matrix, usual

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_NAMES = ("level", "source", "destination")
_INSIDE = 0.975  # the quantile at which an interval of 95 % ends
_SINGULAR = 1e-9  # of the largest eigenvalue: below it, a combination of effects is not in the pairs


@dataclass(frozen=True, kw_only=True)
class Table:
    """One value for each of some ordered pairs: `source`, `destination` and `value` of one length."""

    source: Ints
    destination: Ints
    value: Floats


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a second table changes in the additive model of a first one, in the unit of the values.

    level, source, destination: the largest change of the level of a group, of a source effect and of a destination
    effect. interval_level, interval_effect: the largest half-width of the 95 % intervals of the first model's own
    parameters. interval_change: that of the change of a level. within: the share of all parameters that change by no
    more than their own interval in the first model. pairs: how many pairs both tables have.
    """

    level: float
    source: float
    destination: float
    interval_level: float
    interval_effect: float
    interval_change: float
    within: float
    pairs: int


def half_widths(model: Additive, table: Table) -> Additive:
    """Half the 95 % interval of each parameter of a model, from the residuals of the table that it was fitted to.

    What the model leaves of a pair, noise and what is not additive, is taken to be drawn anew for each pair. The
    variances are those of least squares over the pairs that there are (Seber and Lee, "Linear Regression Analysis",
    3.4 and 5.1), the quantile is Student's. Outliers, which the fit left out, are left out here too. NaN for a group
    that has no more pairs than parameters, and for one whose pairs do not tell its effects apart.
    """
    from scipy.special import stdtrit

    residual = table.value - model.predict(table.source, table.destination)
    found = {name: np.full(model.level.size, np.nan) for name in _NAMES}
    for members in groups(table.source, table.destination):
        inside, index = np.isin(table.source, members), np.array(members)
        kept = usual(residual[inside])
        i, j = (np.searchsorted(index, side[inside][kept]) for side in (table.source, table.destination))
        left, count = residual[inside][kept], index.size
        freedom = left.size - (2 * count - 1)
        shares = _variances(normal_matrix(i, j, np.ones(left.size), count), count) if freedom > 0 else None
        if shares is None:
            continue
        reach = float(stdtrit(freedom, _INSIDE) * np.sqrt(np.square(left).sum() / freedom))
        for name, share in zip(_NAMES, shares, strict=True):
            found[name][index] = reach * np.sqrt(share)
    return Additive(**found)


def compared(one: Table, two: Table, *, resolution: float = 0.0) -> Change:
    """What the second table changes in the model of the first, over the pairs that both have.

    The change is that of a model of the differences, pair by pair: so it does not matter which pairs a table happens to
    have, nor how far the values are from being additive. resolution: of the values; no interval is narrower. Raises
    ValueError where the tables have no group in common that can be judged.
    """
    size = int(max(side.max() for table in (one, two) for side in (table.source, table.destination))) + 1
    names, others = (table.source * size + table.destination for table in (one, two))
    _, first, second = np.intersect1d(names, others, return_indices=True)
    if not first.size:
        raise ValueError("the two tables have no pair in common")
    both = Table(
        source=one.source[first], destination=one.destination[first], value=two.value[second] - one.value[first]
    )
    change = additive(both.source, both.destination, both.value)
    known = half_widths(change, both)
    own = half_widths(additive(one.source, one.destination, one.value), one)
    judged = np.flatnonzero(np.isfinite(known.level) & np.isfinite(own.level[: known.level.size]))
    if not judged.size:
        raise ValueError("the two tables have no group in common that is large enough to be judged")
    moved = {name: np.abs(getattr(change, name)[judged]) for name in _NAMES}
    allowed = {name: np.maximum(resolution, getattr(own, name)[judged]) for name in _NAMES}
    return Change(
        **{name: float(moved[name].max()) for name in _NAMES},
        interval_level=float(allowed["level"].max()),
        interval_effect=float(max(allowed["source"].max(), allowed["destination"].max())),
        interval_change=float(known.level[judged].max()),
        within=float(np.mean([moved[name] <= allowed[name] for name in _NAMES])),
        pairs=int(first.size),
    )


def _variances(normal: Floats, count: int) -> tuple[Floats, Floats, Floats] | None:
    """Variances, in that of a value, of the level, the source and the destination effects of `count` things each.

    None where the pairs leave more open than a constant that may go from the one effects to the other.
    """
    size, vectors = np.linalg.eigh(normal)
    told = size > _SINGULAR * size[-1]
    if np.count_nonzero(told) < 2 * count - 1:
        return None
    inverse = (vectors[:, told] / size[told]) @ vectors[:, told].T
    mean = np.full((count, count), 1 / count)
    centred, nothing = np.eye(count) - mean, np.zeros((count, count))
    parts = (np.hstack([mean, mean]), np.hstack([centred, nothing]), np.hstack([nothing, centred]))
    level, source, destination = (np.einsum("ij,jk,ik->i", part, inverse, part) for part in parts)
    return level, source, destination
