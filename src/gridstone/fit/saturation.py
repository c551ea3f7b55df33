"""How operations per SM and clock grow with warps and independent chains, and where they level off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table

# Warps of an SM are dealt out to four schedulers, each with pipes of its own ("CUDA C++ Programming Guide", compute
# capability 7.0 to 12.0, section "Architecture").
SCHEDULERS = 4
MOST_WARPS, MOST_CHAINS = 64, 16
_TOLERATED = 0.01  # relative errors beyond it weigh less than squared: a bend that is off must not bend the rest
_LATENCY_WEIGHT, _GUESS_WEIGHT = 0.3, 0.003  # of a latency that was measured by itself; of mere guesses
_ENOUGH = 1e-7
_STEP = 1e-6
_FASTEST_FADE = 2.0  # where few chains were not measured, nothing tells a steep fade from a steeper one
_SHARPEST = 400.0
# Multiples of a first guess at pace of one warp, cost of taking turns and sharpness, and how many are followed.
_STARTS, _TRIED = ((0.3, 1.0, 2.2), (1.0, 40.0), (0.3, 2.0)), 2


@dataclass(frozen=True, kw_only=True)
class Saturation:
    """One operation of an SM's pipes. Latency, alone, full and switch are cycles of one scheduler.

    A scheduler with n warps of i chains each gives an operation every c cycles, the smooth maximum
    c = (a ** s + b ** s + d ** s) ** (1 / s) of three:
    a = latency / (n i), as each chain waits for its own result (Little's law);
    b = alone / n, the least between two operations of one warp, however many chains it has;
    d = (full ** t + (switch / i ** fade) ** t) ** (1 / t), what the pipe takes for one, or where warps take turns after
    few operations each what then bounds it, such as operands that are read again by every warp (t: turn).
    work: what one warp's operation counts, such as 32 lanes or the flop of a matrix instruction.
    """

    latency: float
    alone: float
    full: float
    switch: float
    fade: float
    turn: float
    sharpness: float
    work: float

    def rate(self, warps: Table, ilp: Table) -> Table:
        """Work per cycle and SM; warps are dealt out as evenly as they go."""
        logs = np.log([self.latency, self.alone, self.full, self.switch, self.fade, self.turn, self.sharpness])
        return self.work * _rate(logs, np.asarray(warps, dtype=float), np.asarray(ilp, dtype=float))

    @property
    def peak(self) -> float:
        """Work per cycle and SM that more warps and chains come near to."""
        return SCHEDULERS * self.work / self.full

    def knots(self, step: int = 1) -> Table:
        """(n, 3): ilp, warps and rate at every whole number of chains and every multiple of `step` warps."""
        chains, warps = np.meshgrid(
            np.arange(1.0, MOST_CHAINS + 1), np.arange(float(step), MOST_WARPS + 1, step), indexing="ij"
        )
        return np.column_stack([chains.ravel(), warps.ravel(), self.rate(warps.ravel(), chains.ravel())])


def saturation(points: Table, *, work: float, latency: float | None = None, ceiling: float | None = None) -> Saturation:
    """The law through points (n, 3) of ilp, warps and work per cycle and SM; errors count as ratios.

    latency: in cycles, where it was measured by itself: cells that all saturate say nothing of it. ceiling: work per
    cycle and SM that the pipes can give at most. Raises ValueError for no point.
    """
    from scipy.optimize import least_squares

    if len(points) == 0:
        raise ValueError("no point to fit a saturation to")
    ilp, warps, rate = points[:, 0], points[:, 1], points[:, 2] / work
    fastest = SCHEDULERS / float(rate.max())
    least = SCHEDULERS * work / ceiling if ceiling else 0.0
    slow = latency or float((ilp * np.minimum(warps, SCHEDULERS) * np.ceil(warps / SCHEDULERS) / rate).min())
    weights = np.array([_LATENCY_WEIGHT if latency else _GUESS_WEIGHT, *[_GUESS_WEIGHT] * 6])
    full = max(fastest, least)
    guess = np.log([slow, 0.9 * full, full, 0.01 * full, 1.0, 2.0, 15.0])
    low, high = guess - 8, guess + 8
    low[2], high[2] = np.log(max(least, 1e-3 * fastest)) - 1e-9, guess[2] + 8
    high[4], high[6] = np.log(_FASTEST_FADE), np.log(_SHARPEST)
    low[5], high[5] = 0.0, np.log(_SHARPEST)

    def errors(logs: Table) -> Table:
        """Of each point, by each column of parameters: (points) or (columns, points)."""
        return _softened(np.log(_rate(logs[..., None], warps, ilp) / rate))

    def off(logs: Table) -> Table:
        return np.concatenate([errors(logs), weights * (logs - guess)])

    def slopes(logs: Table) -> Table:
        """The Jacobian of `off` by central differences, all parameters at once: one by one costs six times as much."""
        steps = _STEP * np.eye(logs.size)
        ahead, behind = errors(logs[:, None] + steps), errors(logs[:, None] - steps)
        return np.vstack([(ahead - behind).T / (2 * _STEP), np.diag(weights)])

    starts = [guess + np.log([1, alone, 1, switch, 1, 1, bend]) for alone, switch, bend in product(*_STARTS)]
    promising = sorted(starts, key=lambda logs: float(np.square(off(logs)).sum()))[:_TRIED]
    found = [
        least_squares(off, np.clip(start, low + 1e-9, high), slopes, bounds=(low, high), xtol=_ENOUGH, ftol=_ENOUGH)
        for start in promising
    ]
    best = min(found, key=lambda one: float(one.cost))
    names = ("latency", "alone", "full", "switch", "fade", "turn", "sharpness")
    return Saturation(**dict(zip(names, np.exp(best.x).tolist(), strict=True)), work=work)


def _softened(error: Table) -> Table:
    """Errors whose squares grow like their size once they are beyond what is tolerated (soft L1)."""
    bent = np.sqrt(2 * (np.sqrt(1 + np.square(error / _TOLERATED)) - 1))
    return np.asarray(_TOLERATED * np.copysign(bent, error))


def _rate(logs: Table, warps: Table, ilp: Table) -> Table:
    """Operations of a warp per cycle and SM: schedulers with one warp more than the others go by themselves."""
    few = np.floor(warps / SCHEDULERS)
    more = warps - SCHEDULERS * few
    return np.asarray(more / _cycles(logs, few + 1, ilp) + (SCHEDULERS - more) * (few > 0) / _cycles(logs, few, ilp))


def _cycles(logs: Table, warps: Table, ilp: Table) -> Table:
    """Cycles from one operation of a scheduler to the next."""
    latency, alone, full, switch, fade, turn, sharpness = np.exp(logs)
    n = np.maximum(warps, 1)
    pipe = _largest((full, switch / ilp**fade), turn)
    return _largest((latency / (n * ilp), alone / n, pipe), sharpness)


def _largest(parts: Sequence[Table], sharpness: float) -> Table:
    """The smooth maximum (sum of part ** sharpness) ** (1 / sharpness), of parts of any size."""
    most = np.maximum.reduce(np.broadcast_arrays(*parts))
    return np.asarray(most * sum((one / most) ** sharpness for one in parts) ** (1 / sharpness))
