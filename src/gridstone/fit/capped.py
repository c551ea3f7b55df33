"""A line that stops at a level, as a card's power does at its cap."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table

_ALIKE = 0.03  # of one level, as far as the power of a card that swings about its cap is known


def capped(points: Table) -> Table:
    """The points (n, 2), sorted by coordinate, with one more where the line through them meets the level they end at.

    The level is the mean of the last points, as many as are alike and two at least, or the first of them where that is
    lower, as else a line that rises would fall there; the line goes through the two points ahead of them, and it is no
    level of theirs unless both meet between these and those. Where there is none, the points as they are.
    """
    x, y = points[:, 0], points[:, 1]
    apart = np.flatnonzero(np.abs(y / y[-1] - 1) > _ALIKE)
    alike = int(apart[-1]) + 1 if apart.size else 0
    for first in range(max(2, alike), len(y) - 1):
        slope = (y[first - 1] - y[first - 2]) / (x[first - 1] - x[first - 2])
        level = float(min(y[first:].mean(), y[first]))
        meets = x[first - 1] + (level - y[first - 1]) / slope if slope > 0 else np.inf
        if x[first - 1] < meets < x[first]:
            return np.insert(points, first, [meets, level], axis=0)
    return points
