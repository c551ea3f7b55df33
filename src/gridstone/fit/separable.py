"""A law that is a product of one factor per coordinate, for grids whose cells are noisy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table


def separable(points: Table) -> Table:
    """Points (n, d + 1) with the values of the closest product of one factor per value of each coordinate.

    Least squares in the logarithms: each factor is an average over a whole slice of the grid, so a single cell's
    noise hardly counts. Worth its bias only where cross-validation says so.
    """
    columns = [np.ones((len(points), 1))]
    for coordinate in points[:, :-1].T:
        columns.append((coordinate[:, None] == np.unique(coordinate)[None, 1:]).astype(float))
    basis = np.column_stack(columns)
    factors = np.linalg.lstsq(basis, np.log(points[:, -1]), rcond=None)[0]
    return np.column_stack([points[:, :-1], np.exp(basis @ factors)])
