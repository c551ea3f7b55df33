"""What a sweep over the pairs of SMs that meet in clusters found, and what is read off it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone import pairs
from gridstone.declaration import Unavailable

MOST_SMS = 4096
OFTEN = 4  # meetings of two SMs; what these differ by is less than a cycle in sixty-four


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Ordered pairs of SMs, in the order in which they were measured, each as often as its SMs met in a cluster.

    latency: cycles per load from `source` to the shared memory of `destination`. size: of the cluster. groups: the SMs
    that meet each other, which are those of a GPC. right: whether every walk ended where it must.
    """

    source: Any
    destination: Any
    size: Any
    latency: Any
    groups: Sequence[tuple[int, ...]]
    right: bool

    def group(self, sm: int) -> tuple[int, ...]:
        """The SMs that an SM meets, itself included. Raises Unavailable for one that is in no cluster."""
        for members in self.groups:
            if sm in members:
                return members
        raise Unavailable(f"SM {sm} ran no block of any cluster")

    def seen_from(self, sm: int) -> list[Any]:
        """The latencies from an SM to each of its group, in the order of `group`."""
        mine = self.source == sm
        there, taken = self.destination[mine], self.latency[mine]
        return [taken[there == other] for other in self.group(sm)]

    def apart(self) -> pairs.Table:
        """The median latency of each ordered pair of two different SMs."""
        source, destination, latency, _ = self._apart()
        names, medians = _medians(source * MOST_SMS + destination, latency)
        return pairs.Table(source=names // MOST_SMS, destination=names % MOST_SMS, value=medians)

    def by_size(self, sizes: Sequence[int]) -> Any:
        """Median latency of each ordered pair of different SMs (rows) in clusters of each size (columns), else NaN."""
        source, destination, latency, size = self._apart()
        pair = source * MOST_SMS + destination
        names = np.unique(pair)
        table = np.full((names.size, len(sizes)), np.nan)
        for column, wanted in enumerate(sizes):
            chosen = size == wanted
            if chosen.any():
                found, medians = _medians(pair[chosen], latency[chosen])
                table[np.searchsorted(names, found), column] = medians
        return table

    def _apart(self) -> tuple[Any, Any, Any, Any]:
        apart = self.source != self.destination
        return self.source[apart], self.destination[apart], self.latency[apart], self.size[apart]


def taking_turns(groups: Sequence[tuple[int, ...]]) -> Any:
    """By number of the SM, the number of those with whom it takes turns (uint8): the members of its group.

    Groups less than half as large as the largest are parts of GPCs that the driver has split, whichever: all of them
    take turns together.
    """
    number = np.zeros(MOST_SMS, np.uint8)
    most = max(map(len, groups), default=0)
    for place, members in enumerate(groups, start=1):
        number[list(members)] = place if 2 * len(members) >= most else 0
    return number


def complete(source: Any, destination: Any, groups: Sequence[tuple[int, ...]]) -> bool:
    """Whether every two SMs of a group have met often enough."""
    _, count = np.unique(source * MOST_SMS + destination, return_counts=True)
    return bool(count.size >= sum(len(members) ** 2 for members in groups) and count.min() >= OFTEN)


def summaries(sweep: Sweep, sizes: Sequence[int]) -> dict[int, dict[str, float]]:
    """By cluster size in which SMs met, what a sweep says of it.

    latency: of the mean pair of the sweep, as loads take it in clusters of that size. latency_effect: what the size
    adds to the same pairs. latency_least, latency_most, pairs: of those that met in such clusters.
    """
    table = sweep.by_size(sizes)
    effects, chance = pairs.level_effects(table)
    everywhere = float(np.nanmean(table, axis=1).mean())
    found = {}
    for column, size in enumerate(sizes):
        seen = table[np.isfinite(table[:, column]), column]
        if seen.size:
            found[size] = {
                "latency": everywhere + float(effects[column]),
                "latency_least": float(seen.min()),
                "latency_most": float(seen.max()),
                "latency_effect": float(effects[column]),
                "p_value": chance,
                "pairs": float(seen.size),
            }
    return found


def observations(sweep: Sweep, sm: int, slots: int) -> Iterator[dict[str, float]]:
    """For each time that an SM met its group: the latency to each member, its number, and the median over the others.

    A slot beyond the group is infinite, a member that was not met as often NaN.
    """
    members, seen = sweep.group(sm), sweep.seen_from(sm)
    turn = 0
    while True:
        latency = np.full(max(slots, len(members)), np.inf)
        latency[: len(members)] = [one[turn] if turn < one.size else np.nan for one in seen]
        others = np.array([v for v, member in zip(latency, members, strict=False) if member != sm])
        known = others[np.isfinite(others)]
        numbers = np.full(latency.size, np.inf)
        numbers[: len(members)] = members
        yield {
            "latency": float(np.median(known)) if known.size else float("nan"),
            "gpc": float([m[0] for m in sweep.groups].index(members[0])),
            **{f"latency_{slot:02d}": float(latency[slot]) for slot in range(slots)},
            **{f"dst_sm_{slot:02d}": float(numbers[slot]) for slot in range(slots)},
        }
        turn += 1


def _medians(names: Any, values: Any) -> tuple[Any, Any]:
    """The distinct names in ascending order, and the median of the values of each."""
    order = np.lexsort((values, names))
    found, start, count = np.unique(names[order], return_index=True, return_counts=True)
    ordered = values[order]
    return found, (ordered[start + (count - 1) // 2] + ordered[start + count // 2]) / 2
