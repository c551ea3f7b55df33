"""Sweeps over the pairs of SMs that meet in clusters (dsm/latency_pair.cu), until each was seen often enough."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cupy as cp
import numpy as np

from gridstone import content, pairs
from gridstone.declaration import Unavailable

_clusters = content.load_module(Path(__file__).with_name("cupy_cluster.py"))

# As the kernel has them.
PAIR = np.dtype([(n, "u4") for n in ("source", "destination", "size", "short_cycles", "long_cycles", "end")])
_RING, _SHORT, _LONG = 32, 16, 80
RESOLUTION = 1 / (_LONG - _SHORT)  # cycles per load: a chain takes whole cycles

SIZES = (16, 8, 4, 2)
_WAVES = 96  # over the size: how often the clusters of a launch change, so that launches of all sizes take alike
_LEAVING_NS = 20_000
_OFTEN = 6
_ROUNDS = 8
_MOST_SMS = 4096


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

    def by_size(self, sizes: Sequence[int]) -> Any:
        """Median latency of each ordered pair of different SMs (rows) in clusters of each size (columns), else NaN."""
        apart = self.source != self.destination
        pair = self.source[apart] * _MOST_SMS + self.destination[apart]
        names, row = np.unique(pair, return_inverse=True)
        table = np.full((names.size, len(sizes)), np.nan)
        for column, size in enumerate(sizes):
            chosen = self.size[apart] == size
            rows, taken = row[chosen], self.latency[apart][chosen]
            order = np.argsort(rows, kind="stable")
            found, starts = np.unique(rows[order], return_index=True)
            if found.size:
                table[found, column] = [np.median(part) for part in np.split(taken[order], starts[1:])]
        return table


_latest: Sweep | None = None
_served: set[Hashable] = set()


def latest(gpu: Any, key: Hashable) -> Sweep:
    """This process's last sweep, or a new one where `key` has had the last one already.

    One sweep measures the pairs of all SMs at once; a cell that is visited again gets another one.
    """
    global _latest
    if _latest is None or key in _served:
        _latest = sweep(gpu)
        _served.clear()
    _served.add(key)
    return _latest


def sweep(
    gpu: Any,
    sizes: Sequence[int] = SIZES,
    rounds: int = _ROUNDS,
    *,
    waves: int = _WAVES,
    share: float = 1.0,
    around: Callable[[Callable[[], Any]], Any] = lambda launch: launch(),
) -> Sweep:
    """Launches in clusters of the given sizes until every two SMs of a group have met often enough, or `rounds` times.

    A size that the GPU does not hold is left out. waves: over the size, how often the clusters of a launch change.
    share: of the clusters that fit, how many are there at once. around(launch): makes each launch, with what goes
    before it. Raises Unavailable where the GPU holds clusters of none of the sizes.
    """
    shared, rng = _clusters.most_shared(gpu), np.random.default_rng()
    fitting = {size: count for size in sizes if (count := _fitting(gpu, size, shared))}
    if not fitting:
        raise Unavailable("this GPU holds clusters of none of the sizes")
    taken: list[Any] = []
    right = True
    for _ in range(rounds):
        for size, clusters in fitting.items():
            times = max(2, waves // size)
            once, launches = (clusters * times, 1) if share == 1.0 else (max(1, int(clusters * share)), times)
            for _ in range(launches):
                found, ended = around(lambda n=once, size=size: _launch(gpu, size, n, shared, rng))
                taken.append(found)
                right &= ended
        together = np.concatenate(taken)
        if _complete(together):
            break
    source, destination = (together[name].astype(np.int64) for name in ("source", "destination"))
    spent = together["long_cycles"].astype(np.float64) - together["short_cycles"]
    return Sweep(
        source=source,
        destination=destination,
        size=together["size"].astype(np.int64),
        latency=spent / (_LONG - _SHORT),
        groups=pairs.groups(source, destination),
        right=right,
    )


def summary(sweep: Sweep, sizes: Sequence[int], size: int) -> dict[str, float]:
    """What a sweep says of one cluster size: the latencies of its pairs, and what the size adds to the same pairs."""
    table = sweep.by_size(sizes)
    column = sizes.index(size)
    seen = table[np.isfinite(table[:, column]), column]
    effects, chance = pairs.level_effects(table)
    return {
        "latency": float(np.median(seen)),
        "latency_least": float(seen.min()),
        "latency_most": float(seen.max()),
        "latency_effect": float(effects[column]),
        "p_value": chance,
        "pairs": float(seen.size),
    }


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


def _fitting(gpu: Any, size: int, shared: int) -> int:
    try:
        return int(_clusters.fitting(gpu, size=size, block=1, shared=shared))
    except Unavailable:
        return 0


def _launch(gpu: Any, size: int, clusters: int, shared: int, rng: Any) -> tuple[Any, bool]:
    """All ordered pairs of so many clusters, and whether each walk ended where it must."""
    found = cp.empty(clusters * size * size * PAIR.itemsize, dtype=cp.uint8)
    gpu.memset(found, 0xFF)
    start = int(rng.integers(_RING))
    seed = np.uint32(rng.integers(2**32))
    _clusters.enqueue(
        gpu,
        clusters=clusters,
        size=size,
        block=1,
        args=[np.uint32(start), np.uint32(_LEAVING_NS), seed, found],
        shared=shared,
    )
    gpu.synchronize()
    taken = found.get().view(PAIR)
    if taken["source"].max() >= _MOST_SMS or taken["destination"].max() >= _MOST_SMS:
        raise RuntimeError(f"clusters of {size} blocks left no pairs")
    end = start
    for _ in range(2 * _SHORT + _LONG):
        end = (5 * end + 3) % _RING
    return taken, bool((taken["end"] == end).all())


def _complete(taken: Any) -> bool:
    """Whether every two SMs of a group met at least so often."""
    source, destination = taken["source"].astype(np.int64), taken["destination"].astype(np.int64)
    wanted = sum(len(members) ** 2 for members in pairs.groups(source, destination))
    _, count = np.unique(source * _MOST_SMS + destination, return_counts=True)
    return bool(count.size == wanted and count.min() >= _OFTEN)
