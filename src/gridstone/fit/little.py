"""Little's law: how many bytes must be under way for a rate, fitted to latency and peak."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table

_FEWEST = 5  # points for three parameters, and for leaving one out
_SHARPEST = 16.0  # beyond it the bend is a corner, and the fit cannot tell
_T95 = 1.96


@dataclass(frozen=True, kw_only=True)
class Little:
    """rate = ((in_flight / latency) ** -sharpness + peak ** -sharpness) ** (-1 / sharpness).

    Few bytes under way come back once per latency; many meet the peak. latency: in the time unit of the rates. A
    sharpness of 1 is a queue in front of one server, a large one a bend without a transition. `*_lo`, `*_hi`: 95 %
    intervals from leaving out one point at a time. error: the median relative error of the points.
    """

    latency: float
    latency_lo: float
    latency_hi: float
    peak: float
    peak_lo: float
    peak_hi: float
    sharpness: float
    error: float

    def rate(self, in_flight: float) -> float:
        """The rate with so many bytes under way."""
        logs = np.log([self.latency, self.peak, self.sharpness])
        return float(np.exp(_log_rate(logs, np.log(np.array([in_flight])))[0]))

    def needed(self, share: float) -> float:
        """Bytes under way that reach a share of the peak. Raises ValueError outside of 0 to 1."""
        if not 0 < share < 1:
            raise ValueError(f"a share of {share:g} of the peak is not between 0 and 1")
        bend = (share**-self.sharpness - 1) ** (-1 / self.sharpness)
        return float(self.latency * self.peak * bend)


def little(in_flight: Table, rate: Table) -> Little:
    """Fit latency and peak to rates (bytes per time) with so many bytes under way, both of the same scope.

    Errors count as ratios. Raises ValueError with fewer than five points, and where either regime is missing: rates
    that never level off have no peak, and rates that never grow in proportion no latency.
    """
    x, y = np.log(np.asarray(in_flight, dtype=float)), np.log(np.asarray(rate, dtype=float))
    if x.size < _FEWEST:
        raise ValueError(f"{x.size} points do not tell latency from peak: at least {_FEWEST} are needed")
    best = _fitted(x, y)
    reached, asked = y.max() - best[1], x.max() - best[0] - best[1]
    if asked < np.log(1.5) or reached < np.log(0.7):
        raise ValueError("the rates do not level off: no peak can be told")
    if x.min() - best[0] - best[1] > np.log(0.5):
        raise ValueError("the least bytes under way are near the peak already: no latency can be told")
    spread = _spread(x, y)
    lows, highs = np.exp(best[:2] - spread), np.exp(best[:2] + spread)
    return Little(
        latency=float(np.exp(best[0])),
        latency_lo=float(lows[0]),
        latency_hi=float(highs[0]),
        peak=float(np.exp(best[1])),
        peak_lo=float(lows[1]),
        peak_hi=float(highs[1]),
        sharpness=float(np.exp(best[2])),
        error=float(np.median(np.abs(np.expm1(_log_rate(best, x) - y)))),
    )


def _log_rate(logs: Table, x: Table) -> Table:
    sharpness = np.exp(logs[2])
    rate: Table = -np.logaddexp(-sharpness * (x - logs[0]), -sharpness * logs[1]) / sharpness
    return rate


def _fitted(x: Table, y: Table) -> Table:
    """Logarithms of latency, peak and sharpness."""
    from scipy.optimize import least_squares

    first = int(np.argmin(x))
    start = np.array([x[first] - y[first], y.max(), np.log(3.0)])
    low = [start[0] - 5, start[1] - 5, 0.0]
    high = [start[0] + 5, start[1] + 5, np.log(_SHARPEST)]
    found = least_squares(lambda logs: _log_rate(logs, x) - y, start, bounds=(low, high))
    return np.asarray(found.x)


def _spread(x: Table, y: Table) -> Table:
    """Half the 95 % interval of the logarithms of latency and peak, by the jackknife (Quenouille, 1956)."""
    n = x.size
    without = np.array([_fitted(np.delete(x, i), np.delete(y, i))[:2] for i in range(n)])
    variance = (n - 1) / n * ((without - without.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray(_T95 * np.sqrt(variance))
