"""Ranks that come late to collectives more often than chance has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import ArrayLike, NDArray

FALSE_ALARMS = 0.01
_FLOOR = 0.1
_BLOCK = 25


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
    lateness: ArrayLike, usual_s: float, *, floor: float = _FLOOR, block: int = _BLOCK, alarms: float = FALSE_ALARMS
) -> tuple[Straggler, ...]:
    """The ranks that are late too often, worst first.

    lateness: seconds by which each rank began each operation after the median rank, shape (operations, ranks), as
    `collective/variability` and `nccl/variability` keep it. usual_s: the median time of the operation.

    An operation counts where its last rank was late by more than `floor` of the usual time, and counts for that rank
    alone. Were all ranks alike, each would be the last with probability 1 / ranks: the binomial tail, times the number
    of ranks (Bonferroni), is p. A rank is named where p is at most `alarms`, which bounds the share of false
    alarms among sets of ranks that are alike, whatever the noise is distributed like. Delays that come in bursts
    are no independent events: counts are divided by how much more they scatter between runs of `block` operations
    than independent ones would (McCullagh and Nelder's quasi-likelihood). Whether a rank is late because it is slow or
    because the other is early cannot be told of two ranks. Raises ValueError for other shapes.
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
        bursts = _dispersion(hits, counted, block)
        p = min(1.0, ranks * _at_least(int(hits.sum() / bursts), int(total / bursts), ranks))
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


def _dispersion(hits: NDArray[np.bool_], counted: NDArray[np.bool_], block: int) -> float:
    """By how much the hits scatter more between blocks than independent ones would; at least 1."""
    blocks = len(hits) // block
    k, n = (flags[: blocks * block].reshape(blocks, block).sum(axis=1).astype(float) for flags in (hits, counted))
    k, n = k[n > 0], n[n > 0]
    share = k.sum() / max(1.0, n.sum())
    if k.size < 2 or share in (0.0, 1.0):
        return 1.0
    return max(1.0, float(np.sum((k - n * share) ** 2 / (n * share * (1 - share))) / (k.size - 1)))


def _at_least(hits: int, total: int, ranks: int) -> float:
    """Probability of `hits` or more among `total` events that fall on each of `ranks` alike."""
    ways: int = sum(comb(total, k) * int((ranks - 1) ** (total - k)) for k in range(hits, total + 1))
    return float(ways / ranks**total)  # exact: both may be far beyond what a float holds
