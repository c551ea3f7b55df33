"""Times that cannot fall where their argument grows: noise that says so is averaged away."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table


def isotone(points: Table) -> Table:
    """Points (n, d + 1), sorted, with values that never fall along the last coordinate.

    Isotonic regression with least absolute errors in the logarithms: neighbours that violate the order are pooled
    and take their median, so that one outlier does not move the rest (Robertson and Waltman, 1968). Values
    that are in order stay as they are.
    """
    shaped = points.copy()
    for rows in curves(points):
        shaped[rows, -1] = _pooled(points[rows, -1])
    return shaped


def curves(points: Table) -> list[slice]:
    """The runs of rows of a table (n, d + 1), sorted, that differ in their last coordinate only."""
    changes = np.flatnonzero((np.diff(points[:, :-2], axis=0) != 0).any(axis=1)) + 1
    edges = [0, *changes.tolist(), len(points)]
    return [slice(a, b) for a, b in pairwise(edges)]


def _pooled(values: Table) -> Table:
    if (np.diff(values) >= 0).all():
        return values
    blocks: list[list[float]] = []
    for value in np.log(values).tolist():
        block = [value]
        while blocks and median(blocks[-1]) > median(block):
            block = sorted(blocks.pop() + block)
        blocks.append(block)
    return np.asarray(np.exp(np.concatenate([np.full(len(block), median(block)) for block in blocks])))
