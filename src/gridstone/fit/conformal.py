"""Split-conformal intervals from held-out residuals, and what they are worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from gridstone.fit.holdout import Held

LEVEL = 0.95
_QUANTILES = (0.5, 0.8, 0.9, 0.95, 0.99)
# With no frontier to learn from, an answer is taken to be uncertain by a factor of two per octave.
_UNKNOWN_PER_OCTAVE = math.log(2)


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


def interval(held: Sequence[Held], pooled: Sequence[Held]) -> dict[str, Any]:
    """The interval of a law: the factor on its difficulty, the level it supports, and where that comes from.

    held: held-out points of the law; pooled: those of all laws of its function, which stand in where its own
    are too few for 95 %. Points held out by site widen it: an answer for a further machine of the kind is off
    by what one machine differs from the others.
    """
    own = [h for h in held if h.kind == "random"]
    factor, level = quantile([h.score for h in own]) if own else (0.0, 0.0)
    origin = "this law" if own else "none"
    if level < LEVEL and pooled:
        wider, reached = quantile([h.score for h in pooled])
        if reached > level:
            factor, level, origin = max(factor, wider), reached, "all laws of the function"
    abroad = [h.score for h in held if h.kind == "site"]
    if abroad:
        factor = max(factor, quantile(abroad)[0])
    residuals = [abs(h.residual) for h in own]
    return {
        "factor": factor,
        "level": level,
        "scores": origin,
        "residual_quantiles": {str(q): _reached(residuals, q) for q in _QUANTILES},
        "per_octave": _per_octave([h for h in held if h.kind == "frontier"]),
    }


def with_intervals(held: Sequence[Held], bounds: dict[str, Any], floor: float) -> list[tuple[Held, float, float]]:
    """Each held-out point with its interval.

    Random folds: the factor comes from the other folds, so the point had no part in it. Frontier and
    sites: the interval that the law gives, which has seen them: an in-sample statement. floor: the noise, in
    log space.
    """
    rows = []
    for h in held:
        others = [o.score for o in held if o.kind == "random" and o.fold != h.fold]
        factor = quantile(others)[0] if h.kind == "random" and others else bounds["factor"]
        spread = max(floor, factor * h.difficulty)
        if h.octaves > 0:
            spread += bounds["per_octave"] * max(1.0, h.octaves)
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


def _per_octave(frontier: Sequence[Held]) -> float:
    """What the interval grows by, in log space, per octave outside; less than an octave counts as one."""
    rates = [abs(h.residual) / max(1.0, h.octaves) for h in frontier]
    return quantile(rates)[0] if rates else _UNKNOWN_PER_OCTAVE


def _reached(residuals: Sequence[float], level: float) -> float | None:
    width, reached = quantile(residuals, level) if residuals else (0.0, 0.0)
    return width if reached == level else None
