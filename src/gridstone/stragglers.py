"""Ranks that come late to collectives more often than chance has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

FALSE_ALARMS = 0.01
_FLOOR = 0.1
_BLOCK, _MOST_BLOCKS = 15, 32  # operations in a block: at least so many, so that bursts lie within one; and blocks


@dataclass(frozen=True, kw_only=True)
class Straggler:
    """A rank that is late.

    share: of the operations (or visits) that some rank was late for, those that this one was last for. p: how likely
    that or more is for some rank where all are alike. lateness: median seconds from the median of the other ranks to
    this one, in those operations.
    """

    rank: int
    share: float
    p: float
    lateness: float


def stragglers(
    lateness: ArrayLike,
    usual_s: float,
    visits: Sequence[int] | None = None,
    *,
    floor: float = _FLOOR,
    alarms: float = FALSE_ALARMS,
) -> tuple[Straggler, ...]:
    """The ranks that are late too often, worst first.

    lateness: seconds by which each rank began each operation after the median rank, shape (operations, ranks), as
    `collective/variability` and `nccl/variability` keep it. usual_s: the median time of the operation. visits: how many
    operations each visit made (`by_visit`); None where the caller knows that nothing holds for a whole visit.

    An operation counts where its last rank was late by more than `floor` of the usual time, and counts for that rank
    alone. Were all ranks alike, each would be the last with probability 1 / ranks. p is the larger of two tails, times
    the number of ranks (Bonferroni): the binomial one, which knows how few operations counted, and Student's of what a
    rank has in excess of its due in runs of operations, whose scatter shows what delays that come in bursts are worth
    (with few runs, little). A rank is named where p is at most `alarms`, which bounds the share of false alarms among
    sets of ranks that are alike, whatever the noise is distributed like, while bursts are well shorter than the runs
    (15 operations or a thirty-second of all); of fewer than two runs nobody is named. Whether a rank is late because it
    is slow or because the other is early cannot be told of two ranks.

    From visit to visit another rank may be last by some microseconds in nearly all operations: by what a visit sets up,
    hosts leave the operation before at other moments. So that says something of a rank where it is the same one in
    most visits, by the binomial tail over visits; of operations counts what a rank is late by beyond its median of the
    visit. Either may name a rank: p is twice the smaller. Two ranks can only be told apart so with nine visits or more.

    Raises ValueError for other shapes, and for visits that are not those of the operations.
    """
    late = np.asarray(lateness, dtype=float)
    if late.ndim != 2 or late.shape[1] < 2:
        raise ValueError(f"lateness of shape (operations, ranks), two ranks or more, is needed; got {late.shape}")
    least = floor * usual_s
    if visits is None:
        found = [_judged(late, late, rank, least, runs=True) for rank in range(late.shape[1])]
    else:
        if sum(visits) != len(late) or not all(count > 0 for count in visits):
            raise ValueError(f"visits of {list(visits)} operations are not those of {len(late)}")
        apart = np.split(late, np.cumsum(visits)[:-1])
        usual = np.array([np.median(visit, axis=0) for visit in apart])
        beyond = late - np.repeat(usual, visits, axis=0)
        beyond -= np.median(beyond, axis=1, keepdims=True)
        found = []
        for rank in range(late.shape[1]):
            both = _judged(beyond, late, rank, least, runs=True), _judged(usual, usual, rank, least, runs=False)
            told = min(both, key=lambda one: one.p)
            found.append(replace(told, p=min(1.0, 2 * told.p)))
    return tuple(sorted((one for one in found if one.p <= alarms), key=lambda one: one.p))


def by_rank(samples: Sequence[float], ranks: int) -> NDArray[np.float64]:
    """The samples of `lateness` of a cell as (operations, ranks). Raises ValueError where they do not divide."""
    flat = np.asarray(samples, dtype=float)
    if flat.size % ranks:
        raise ValueError(f"{flat.size} samples are not those of {ranks} ranks")
    return flat.reshape(-1, ranks)


def by_visit(samples: Sequence[int], ranks: int) -> list[int] | None:
    """How many operations each visit made, from a cell's `visits` of `lateness`, of those that made some.

    None where they are not kept, and where the samples of a visit do not divide.
    """
    counts = [int(count) for count in samples if count]
    return [count // ranks for count in counts] if counts and not any(count % ranks for count in counts) else None


def _judged(late: NDArray[np.float64], begun: NDArray[np.float64], rank: int, least: float, *, runs: bool) -> Straggler:
    """What is to be said of a rank, by the rows (operations or visits) in which it is last and late by `least`.

    begun: of the same rows, when each rank began. runs: whether what comes in bursts has to be told from the rest.
    """
    ranks = late.shape[1]
    counted = late.max(axis=1) > least
    hits = counted & (late.argmax(axis=1) == rank)
    if not hits.any():
        return Straggler(rank=rank, share=0.0, p=1.0, lateness=0.0)
    p = _by_chance(int(hits.sum()), int(counted.sum()), ranks)
    if runs:
        p = max(p, _in_runs(hits - counted / ranks))
    behind = begun[:, rank] - np.median(np.delete(begun, rank, axis=1), axis=1)
    share, lateness = float(hits.sum() / counted.sum()), float(np.median(behind[hits]))
    return Straggler(rank=rank, share=share, p=min(1.0, ranks * p), lateness=lateness)


def _by_chance(hits: int, total: int, ranks: int) -> float:
    """Probability of `hits` or more among `total` events that fall on each of `ranks` alike."""
    from scipy.special import betainc

    return float(betainc(hits, total - hits + 1, 1 / ranks))


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
