"""Split-conformal intervals from held-out residuals, and what they are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridstone.fit.holdout import Held
from gridstone.model.prediction import WIDEST

LEVEL = 0.95
_QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99)
# With no frontier to learn from, an answer is taken to be uncertain by a factor of two per octave.
_UNKNOWN_PER_OCTAVE = math.log(2)
# Offsets that are tried, in units of the largest difficulty: from none to one beside which all places are alike.
_OFFSETS = (0.0, *np.geomspace(1e-4, 1e2, 19).tolist())


def quantile(scores: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The least score that a further exchangeable one exceeds with probability 1 - `level`, and the level.

    The order statistic ceil((n + 1) level) of n scores (Vovk et al., 2005). Fewer than 19 scores cannot
    support 0.95: the largest then covers with n / (n + 1), which is the level returned. Raises ValueError for
    no score at all.
    """
    ordered = np.sort(np.asarray(scores, dtype=float))
    n = ordered.size
    if n == 0:
        raise ValueError("no score")
    rank = math.ceil((n + 1) * level - 1e-9)
    return (float(ordered[rank - 1]), level) if rank <= n else (float(ordered[-1]), n / (n + 1))


def scale(held: Sequence[Held]) -> tuple[float, float, float]:
    """(offset, factor, level): an interval is factor times the sum of a place's difficulty and the offset.

    The conformal quantile is taken of |residual| / (difficulty + offset) (Papadopoulos et al., 2011, whose offset
    is a constant). Here it is the one with which the held-out points get the narrowest intervals, as the mean of
    their logarithmic widths. Where the difficulty says which places are hard, the offset is small; where it does not,
    as on cells without noise whose law is off elsewhere than at a step, a large one makes all intervals alike, and no
    interval grows beyond what was ever wrong. Raises ValueError for no point.
    """
    residuals = np.array([abs(h.residual) for h in held])
    hard = np.array([h.difficulty for h in held])
    best = (math.inf, 0.0, 0.0, 0.0)
    for offset in (hard.max() * np.array(_OFFSETS)).tolist() if hard.size else (0.0,):
        factor, level = quantile((residuals / (hard + offset)).tolist())
        best = min(best, (factor * float((hard + offset).mean()), offset, factor, level))
    return best[1:]


def interval(held: Sequence[Held], pooled: Sequence[Held]) -> dict[str, Any]:
    """The interval of a law: factor and offset (`scale`), the level they support, and where they come from.

    held: held-out points of the law; pooled: those of all laws of its function, which stand in where its own
    are too few for 95 %. Points held out by site widen it: an answer for a further machine of the kind is off
    by what one machine differs from the others.
    """
    own = [h for h in held if h.kind == "random"]
    offset, factor, level, origin = _calibrated(own, pooled)
    abroad = [h.score(offset) for h in held if h.kind == "site"]
    if abroad:
        factor = max(factor, quantile(abroad)[0])
    residuals = [abs(h.residual) for h in own]
    return {
        "factor": factor,
        "offset": offset,
        "level": level,
        "scores": origin,
        "residual_quantiles": {str(q): _reached(residuals, q) for q in _QUANTILES},
        "per_octave": _per_octave([h for h in held if h.kind == "frontier"]),
    }


def borrowed_interval(held: Sequence[Held], abroad: Sequence[Held] = (), width: float = 1.0) -> dict[str, Any]:
    """The interval of a law that borrows its course, from laws with cells of their own that such laws stand in for.

    held: what those make of the cells; abroad: points of the law itself, held out by site. The factor is on its `width`
    (`Borrowed`), and at least 1: a place without a cell is known no better than cells are. The law that is told worst
    counts by itself, as a further one may be like it. Raises ValueError where no cell was told.
    """
    between = [h for h in held if h.kind == "borrowed"]
    factor, level = quantile([h.score(0.0) for h in between])
    worst = [quantile([h.score(0.0) for h in between if h.fold == fold])[0] for fold in {h.fold for h in between}]
    far = [quantile([abs(h.residual) / width for h in abroad])[0]] if abroad else []
    residuals = [abs(h.residual) for h in between]
    return {
        "factor": max(1.0, factor, *worst, *far),
        "offset": 0.0,
        "level": level,
        "scores": "laws that others stood in for",
        "residual_quantiles": {str(q): _reached(residuals, q) for q in _QUANTILES},
        "per_octave": _per_octave([h for h in held if h.kind == "borrowed_frontier"]),
    }


def with_borrowed_intervals(held: Sequence[Held]) -> list[tuple[Held, float, float]]:
    """Each point of a law that another stood in for with the interval that the other laws of its kind give.

    Where there is no other, and beyond the points of the stand-in, it is that of all: an in-sample statement.
    """
    of_all = borrowed_interval(held)
    of_fold = {}
    for fold in {h.fold for h in held}:
        others = [o for o in held if o.fold != fold]
        of_fold[fold] = borrowed_interval(others) if any(o.kind == "borrowed" for o in others) else of_all
    rows = []
    for h in held:
        spread = (of_fold[h.fold] if h.kind == "borrowed" else of_all)["factor"] * h.difficulty
        if h.octaves > 0:
            spread += of_all["per_octave"] * max(1.0, h.octaves)
        spread = min(spread, WIDEST)
        rows.append((h, h.predicted * math.exp(-spread), h.predicted * math.exp(spread)))
    return rows


def with_intervals(
    held: Sequence[Held], pooled: Sequence[Held], bounds: dict[str, Any], floor: float
) -> list[tuple[Held, float, float]]:
    """Each held-out point with its interval.

    Random folds: factor and offset come from the other folds as `interval` takes them from all, so the point had no
    part in them. Frontier and sites: the interval that the law gives, which has seen them: an in-sample statement.
    floor: the noise, in log space.
    """
    of_law = bounds["offset"], bounds["factor"]
    of_fold = {}
    for fold in {h.fold for h in held if h.kind == "random"}:
        out = {id(o) for o in held if o.kind == "random" and o.fold == fold}
        own, rest = ([o for o in part if o.kind == "random" and id(o) not in out] for part in (held, pooled))
        of_fold[fold] = _calibrated(own, rest)[:2] if own or rest else of_law
    rows = []
    for h in held:
        offset, factor = of_fold[h.fold] if h.kind == "random" else of_law
        spread = max(floor, factor * (h.difficulty + offset))
        if h.octaves > 0:
            spread += bounds["per_octave"] * max(1.0, h.octaves)
        spread = min(spread, WIDEST)
        rows.append((h, h.predicted * math.exp(-spread), h.predicted * math.exp(spread)))
    return rows


def summary(rows: Sequence[tuple[Held, float, float]]) -> dict[str, Any] | None:
    """How good held-out predictions are: relative errors and the share of cells inside their interval."""
    if not rows:
        return None
    errors = np.array([abs(h.predicted / h.measured - 1) for h, _, _ in rows])
    return {
        "n": len(rows),
        "median": float(np.median(errors)),
        "p95": float(np.quantile(errors, 0.95)),
        "max": float(errors.max()),
        "coverage": float(np.mean([lo <= h.measured <= hi for h, lo, hi in rows])),
    }


def _calibrated(own: Sequence[Held], pooled: Sequence[Held]) -> tuple[float, float, float, str]:
    """Offset, factor, level and whose scores they are: a law's own, or where they are too few all of its function's."""
    offset, factor, level = scale(own) if own else (0.0, 0.0, 0.0)
    if level < LEVEL and pooled:
        wide, wider, reached = scale(pooled)
        if reached > level:
            worst = max((h.score(wide) for h in own), default=0.0)
            return wide, max(worst, wider), reached, "all laws of the function"
    return offset, factor, level, "this law" if own else "none"


def _per_octave(frontier: Sequence[Held]) -> float:
    """What the interval grows by, in log space, per octave outside; less than an octave counts as one."""
    rates = [abs(h.residual) / max(1.0, h.octaves) for h in frontier]
    return quantile(rates)[0] if rates else _UNKNOWN_PER_OCTAVE


def _reached(residuals: Sequence[float], level: float) -> float | None:
    width, reached = quantile(residuals, level) if residuals else (0.0, 0.0)
    return width if reached == level else None
