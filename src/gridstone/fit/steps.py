"""The steps of a collective, weighed by least squares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridstone.model.messages import ALONE, WITH_MESSAGES, Messages, Steps, spent

if TYPE_CHECKING:
    from gridstone.model.interpolate import Table


def counted(points: Table, messages: Messages | None) -> Steps:
    """The steps through points of ranks, bytes and seconds (n, 3); terms that earn no weight are left out.

    Weights of at least 0, by least squares of the relative error (Lawson and Hanson, Solving Least Squares Problems,
    1974). Without messages, a latency and bytes, of each rank and of all. Raises ValueError for points that are not
    finite.
    """
    from scipy.optimize import nnls

    terms = WITH_MESSAGES if messages else ALONE
    relative = spent(terms, points[:, :2], messages) / points[:, 2:3]
    largest = relative.max(axis=0)
    scale = np.where(largest > 0, largest, 1.0)  # a single rank sends no messages
    weights = nnls(relative / scale, np.ones(len(points)), maxiter=100 * len(terms))[0] / scale
    return Steps(
        weights={name: float(weight) for name, weight in zip(terms, weights, strict=True) if weight > 0},
        messages=messages,
    )
