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
UNKNOWN_PER_OCTAVE = math.log(2)


def half_width(residuals: Sequence[float], level: float = LEVEL) -> tuple[float, float]:
    """The smallest |residual| that covers a further exchangeable one with probability `level`, and `level`.

    The order statistic ceil((n + 1) level) of n absolute residuals (Vovk et al., 2005). Fewer than 19
    residuals cannot support 0.95: the largest then covers with n / (n + 1), which is the level returned.
    Raises ValueError for no residual at all.
    """
    ordered = np.sort(np.abs(np.asarray(residuals, dtype=float)))
    n = ordered.size
    if n == 0:
        raise ValueError("no residual")
    rank = math.ceil((n + 1) * level - 1e-9)
    return (float(ordered[rank - 1]), level) if rank <= n else (float(ordered[-1]), n / (n + 1))


def interval(own: Sequence[float], pooled: Sequence[float], floor: float) -> dict[str, Any]:
    """The interval of a law: half_width (log space), the level it supports and which residuals it rests on.

    own: residuals of the law; pooled: those of all laws of its function, which stand in where the own are too
    few for 95 %. floor: never narrower than this, the noise.
    """
    width, level = half_width(own) if own else (0.0, 0.0)
    origin = "this law"
    if level < LEVEL and pooled:
        wider, reached = half_width(pooled)
        if reached > level:
            width, level, origin = max(width, wider), reached, "all laws of the function"
    return {
        "half_width": max(width, floor),
        "level": level,
        "residuals": origin if level else "none",
        "quantiles": {str(q): _quantile(own, q) for q in _QUANTILES},
    }


def _quantile(residuals: Sequence[float], level: float) -> float | None:
    width, reached = half_width(residuals, level) if residuals else (0.0, 0.0)
    return width if reached == level else None


def per_octave(frontier: Sequence[Held], width: float) -> float:
    """What an interval of `width` grows by, in log space, per octave outside the box."""
    rates = [max(0.0, abs(h.residual) - width) / max(h.octaves, 1e-9) for h in frontier if h.octaves > 0]
    return half_width(rates)[0] if rates else UNKNOWN_PER_OCTAVE


def with_intervals(held: Sequence[Held], width: float, growth: float) -> list[tuple[Held, float, float]]:
    """Each held-out point with an interval to which it did not itself contribute.

    Random folds: from the residuals of the other folds. Frontier and sites: the law's own interval, widened
    by the octaves outside; `growth` saw the frontier, so there it is an in-sample statement.
    """
    residuals = {h.fold: [o.residual for o in held if o.kind == "random" and o.fold != h.fold] for h in held}
    rows = []
    for h in held:
        spread = width + growth * h.octaves
        if h.kind == "random" and residuals[h.fold]:
            spread = half_width(residuals[h.fold])[0]
        rows.append((h, h.predicted * math.exp(-spread), h.predicted * math.exp(spread)))
    return rows


def summary(rows: Sequence[tuple[Held, float, float]]) -> dict[str, Any] | None:
    """How good held-out predictions are: relative errors and the share of cells inside their interval."""
    if not rows:
        return None
    errors = np.array([abs(h.predicted / h.measured - 1) for h, _, _ in rows])
    covered = np.mean([lo <= h.measured <= hi for h, lo, hi in rows])
    return {
        "n": len(rows),
        "median": float(np.median(errors)),
        "p95": float(np.quantile(errors, 0.95)),
        "max": float(errors.max()),
        "coverage": float(covered),
    }
