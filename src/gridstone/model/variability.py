"""variability: how much longer than usual an operation takes, once in a while and among many."""

from __future__ import annotations

import numpy as np

from gridstone.errors import UsageError
from gridstone.model.artifact import Artifact
from gridstone.model.prediction import Amount, Extrapolate, Prediction


def variability(
    model: Artifact,
    /,
    *,
    kind: str,
    quantile: Amount,
    n: Amount = 1,
    ranks: Amount = 2,
    bytes: Amount = 8192,
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """The quantile of an operation's time over its median: 1.5 says that it then takes half as long again.

    kind: `COLLECTIVE/LIBRARY/TIER`, such as `allreduce/mpich/node`. quantile: from 0.5 on. n: of the slowest of n
    operations, as if they were independent (quantile ** (1 / n) of one); where slow ones come in bursts, that is too
    much. ranks, bytes: of the operation. Raises UsageError for an unknown kind or a quantile that is none,
    OutOfDomain beyond the quantiles that the samples support.
    """
    asked = np.asarray(quantile, dtype=float)
    if not ((asked > 0) & (asked < 1)).all() or not (np.asarray(n) >= 1).all():
        raise UsageError("variability: quantile lies between 0 and 1, and n is at least 1")
    tail = 1 / -np.expm1(np.log(asked) / n)
    tail = np.where(np.isclose(tail, np.round(tail), rtol=1e-9), np.round(tail), tail)
    law = model.function("variability").law(kind=kind)
    return law.at(extrapolate, ranks=ranks, bytes=bytes, tail=tail if tail.ndim else float(tail))
