"""Ranks that come late to collectives more often than chance has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FALSE_ALARMS = 0.01
_FLOOR = 0.1
_BLOCK, _MOST_BLOCKS = 15, 32  # operations in a block: at least so many, so that bursts lie within one; and blocks


@dataclass(frozen=True, kw_only=True)
class Straggler:
    """A rank that is late.

    share: of the operations that some rank was late for, those that this one was last for. p: how likely that or more
    is for some rank where all are alike. lateness: median seconds that it was late by in those operations.
    """

    rank: int
    share: float
    p: float
    lateness: float


def stragglers(
    lateness: ArrayLike, usual_s: float, *, floor: float = _FLOOR, alarms: float = FALSE_ALARMS
) -> tuple[Straggler, ...]:
    """The ranks that are late too often, worst first.

    lateness: seconds by which each rank began each operation after the median rank, shape (operations, ranks), as
    `collective/variability` and `nccl/variability` keep it. usual_s: the median time of the operation.

    An operation counts where its last rank was late by more than `floor` of the usual time, and counts for that rank
    alone. Were all ranks alike, each would be the last with probability 1 / ranks. p is the larger of two tails, times
    the number of ranks (Bonferroni): the binomial one, which knows how few operations counted, and Student's of what a
    rank has in excess of its due in runs of operations, whose scatter shows what delays that come in bursts are worth
    (with few runs, little). A rank is named where p is at most `alarms`, which bounds the share of false alarms among
    sets of ranks that are alike, whatever the noise is distributed like, while bursts are well shorter than the runs
    (15 operations or a thirty-second of all); of fewer than two runs nobody is named. Whether a rank is late because it
    is slow or because the other is early cannot be told of two ranks. Raises ValueError for other shapes.
    """
    late = np.asarray(lateness, dtype=float)
    if late.ndim != 2 or late.shape[1] < 2:
        raise ValueError(f"lateness of shape (operations, ranks), two ranks or more, is needed; got {late.shape}")
    ranks = late.shape[1]
    worst, by = late.argmax(axis=1), late.max(axis=1)
    counted = by > floor * usual_s
    total = int(counted.sum())
    found = []
    for rank in range(ranks):
        hits = counted & (worst == rank)
        p = min(1.0, ranks * max(_by_chance(int(hits.sum()), total, ranks), _in_runs(hits - counted / ranks)))
        if p <= alarms:
            share = float(hits.sum() / total)
            found.append(Straggler(rank=rank, share=share, p=p, lateness=float(np.median(by[hits]))))
    return tuple(sorted(found, key=lambda one: one.p))


def by_rank(samples: Sequence[float], ranks: int) -> NDArray[np.float64]:
    """The samples of `lateness` of a cell as (operations, ranks). Raises ValueError where they do not divide."""
    flat = np.asarray(samples, dtype=float)
    if flat.size % ranks:
        raise ValueError(f"{flat.size} samples are not those of {ranks} ranks")
    return flat.reshape(-1, ranks)


def _by_chance(hits: int, total: int, ranks: int) -> float:
    """Probability of `hits` or more among `total` events that fall on each of `ranks` alike."""
    from scipy.special import betainc

    return float(betainc(hits, total - hits + 1, 1 / ranks)) if hits else 1.0


def _in_runs(excess: NDArray[np.float64]) -> float:
    """Probability that the mean over runs of operations is as far above 0, were it 0; 1 where there is but one run."""
    from scipy.special import stdtr

    size = max(_BLOCK, -(-len(excess) // _MOST_BLOCKS))
    runs = len(excess) // size
    if runs < 2:
        return 1.0
    sums = excess[: runs * size].reshape(runs, size).sum(axis=1)
    independent = float(excess.std()) * size**0.5  # few small counts may be alike by chance
    mean, error = float(sums.mean()), max(float(sums.std(ddof=1)), independent) / runs**0.5
    if error == 0:
        return 0.0 if mean > 0 else 1.0
    return float(stdtr(runs - 1, -mean / error))
