"""Latency and bandwidth of messages by size, and where the protocol changes: from eager to rendezvous, as a rule."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_MOST_REGIMES, _FEWEST_POINTS = 3, 3
_PARAMETERS_PER_REGIME = 5  # latency, bandwidth, and where it ends, which is the best of many places
_FLOOR = 1e-3  # relative error that no measurement is better than: keeps exact data from asking for ever more regimes


@dataclass(frozen=True, kw_only=True)
class Regime:
    """One protocol: messages of `low` to `high` bytes take `latency` seconds and their bytes over `bandwidth`.

    bandwidth is infinite where the time does not grow.
    """

    low: float
    high: float
    latency: float
    bandwidth: float


def regimes(size: Array, seconds: Array) -> tuple[Regime, ...]:
    """The protocols that sizes (ascending, in bytes) and times show, smallest sizes first; one to three of them.

    Each is a line with neither coefficient negative, by least squares of the relative error; lines need not meet,
    since a rendezvous costs a round trip more at once. All ways to divide the sizes are tried (three points or more
    to each), and how many lines there are is decided by the Bayesian information criterion. A switch lies midway, in
    the logarithm, between two sizes. Raises ValueError for fewer than three sizes.
    """
    x, y = np.asarray(size, dtype=float), np.asarray(seconds, dtype=float)
    if x.size < _FEWEST_POINTS:
        raise ValueError(f"{x.size} sizes are too few for a line and its error")
    lines = {(a, b): _line(x[a:b], y[a:b]) for a in range(x.size) for b in range(a + _FEWEST_POINTS, x.size + 1)}
    best = min(
        (edges for count in range(1, _MOST_REGIMES + 1) for edges in _divisions(x.size, count)),
        key=lambda edges: _criterion(x.size, [lines[span][2] for span in _spans(edges)]),
    )
    bounds = [x[0], *(math.sqrt(x[i - 1] * x[i]) for i in best[1:-1]), x[-1]]
    return tuple(
        Regime(
            low=float(bounds[i]),
            high=float(bounds[i + 1]),
            latency=lines[span][0],
            bandwidth=1 / lines[span][1] if lines[span][1] > 0 else math.inf,
        )
        for i, span in enumerate(_spans(best))
    )


def _spans(edges: tuple[int, ...]) -> list[tuple[int, int]]:
    return list(itertools.pairwise(edges))


def _divisions(n: int, count: int, start: int = 0) -> list[tuple[int, ...]]:
    """The ways to cut start..n into `count` runs of at least three: their edges."""
    if count == 1:
        return [(start, n)] if n - start >= _FEWEST_POINTS else []
    cuts = range(start + _FEWEST_POINTS, n - _FEWEST_POINTS * (count - 1) + 1)
    return [(start, *rest) for cut in cuts for rest in _divisions(n, count - 1, cut)]


def _criterion(n: int, squares: list[float]) -> float:
    error = max(sum(squares) / n, _FLOOR**2)
    return n * math.log(error) + _PARAMETERS_PER_REGIME * len(squares) * math.log(n)


def _line(x: Array, y: Array) -> tuple[float, float, float]:
    """Latency, seconds per byte and the sum of squared relative errors of the best line, neither negative."""
    u, v = 1 / y, x / y
    uu, uv, vv, su, sv = u @ u, u @ v, v @ v, u.sum(), v.sum()
    determinant = uu * vv - uv * uv
    ways = [(su / uu, 0.0), (0.0, sv / vv)]
    if determinant > 0:
        both = (su * vv - sv * uv) / determinant, (sv * uu - su * uv) / determinant
        if min(both) >= 0:
            ways = [both]
    errors = [float(np.square(a * u + b * v - 1).sum()) for a, b in ways]
    a, b = ways[int(np.argmin(errors))]
    return float(a), float(b), min(errors)
