"""Sweeps over the pairs of SMs that meet in clusters (dsm/latency_pair.cu), until each was seen often enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cupy as cp
import numpy as np

from gridstone import content, pairs
from gridstone.declaration import Unavailable

_here = Path(__file__)
_clusters = content.load_module(_here.with_name("cupy_cluster.py"))
_sweeps = content.load_module(_here.with_name("pair_sweep.py"))
_sms = content.load_module(_here.with_name("whole_sm.py"))

# As the kernel has them.
PAIR = np.dtype([(n, "u4") for n in ("source", "destination", "size", "short_cycles", "long_cycles", "end")])
_RING, _SHORT, _LONG = 32, 16, 80
RESOLUTION = 1 / (_LONG - _SHORT)  # cycles per load: a chain takes whole cycles

SIZES = (16, 8, 4, 2)
_WAVES = 96  # over the size: how many launches of clusters of a size there are, so that all sizes take alike
_FEW_WAVES = 16  # for a look at what the sizes differ by
_COMING = 3  # times as many clusters as fit come and go ahead of those that measure
_CALLED = 40  # times as many, where clusters only say which SMs meet
_LEAVING_NS = 20_000
_ROUNDS = 5
_MOST_GROUPS = 256

_latest: Any = None
_served: set[Hashable] = set()
_said: dict[tuple[int, ...], list[tuple[dict[int, dict[str, float]], bool]]] = {}
_heard: Counter[Hashable] = Counter()
_turns: Any = None


def latest(gpu: Any, key: Hashable) -> Any:
    """This process's last sweep, or a new one where `key` has had the last one already.

    One sweep measures the pairs of all SMs at once; a cell that is visited again gets another one.
    """
    global _latest
    if _latest is None or key in _served:
        _latest = sweep(gpu)
        _served.clear()
    _served.add(key)
    return _latest


def said_by_size(gpu: Any, size: int, key: Hashable) -> tuple[dict[str, float], bool]:
    """What this process's next sweep that `key` has not had says of a cluster size, and whether it went right.

    Raises Unavailable where no two SMs met in a cluster of that size.
    """
    sizes = tuple(sorted({*SIZES, size}, reverse=True))
    turn = _heard[sizes, key]
    said = _said.setdefault(sizes, [])
    if turn == len(said):
        made = sweep(gpu, sizes, rounds=1, waves=_FEW_WAVES)
        said.append((_sweeps.summaries(made, sizes), made.right))
    _heard[sizes, key] += 1
    summaries, right = said[turn]
    if size not in summaries:
        raise Unavailable(f"no two SMs met in a cluster of {size} blocks")
    return summaries[size], right


def sweep(
    gpu: Any,
    sizes: Sequence[int] = SIZES,
    rounds: int = _ROUNDS,
    *,
    waves: int = _WAVES,
    share: float = 1.0,
    around: Callable[[Callable[[], Any]], Any] = lambda launches: launches(),
) -> Any:
    """A Sweep of clusters of the given sizes, until every two SMs of a group met often enough, or `rounds` times.

    Of the clusters of a GPC, one measures at a time: beside others that load, a load takes up to two cycles less. A
    size that the GPU does not hold is left out. waves: over the size, how many launches of it there are in a round.
    share: of the clusters that fit, how many measure; below one, none come and go ahead of them. around(launches):
    makes the launches of one size, with what goes before them. Raises Unavailable where the GPU holds clusters of none
    of the sizes.
    """
    shared, rng = _sms.most_shared(gpu), np.random.default_rng()
    fitting = {size: held for size in sizes if (held := _fitting(gpu, size, shared))}
    if not fitting:
        raise Unavailable("this GPU holds clusters of none of the sizes")
    turns = in_turns(gpu, shared)
    taken: list[Any] = []
    right = True
    for _ in range(rounds):
        for size, held in fitting.items():
            count, coming = (held, _COMING * held) if share == 1.0 else (max(1, int(share * held)), 0)
            launch = Launch(size=size, coming=coming, count=count, start=int(rng.integers(_RING)), shared=shared)
            found = around(lambda launch=launch: launch.pairs(gpu, turns, max(2, waves // launch.size)))
            taken.append(found)
            right &= bool((found["end"] == launch.end).all())
        together = np.concatenate(taken)
        source, destination = (together[name].astype(np.int64) for name in ("source", "destination"))
        if _sweeps.complete(source, destination, turns.groups):
            break
    return _sweeps.Sweep(
        source=source,
        destination=destination,
        size=together["size"].astype(np.int64),
        latency=(together["long_cycles"].astype(np.float64) - together["short_cycles"]) / (_LONG - _SHORT),
        groups=turns.groups,
        right=right,
    )


class Turns:
    """With whom each SM takes turns, and whose turn it is, on the device."""

    def __init__(self, groups: Sequence[tuple[int, ...]]) -> None:
        self.groups = groups
        self.group_of_sm = cp.asarray(_sweeps.taking_turns(groups))
        self.taken = cp.zeros(2 * _MOST_GROUPS, dtype=cp.uint32)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Clusters of `size` blocks: `coming` come and go, and the `count` after them measure from `start` of the ring."""

    size: int
    coming: int
    count: int
    start: int
    shared: int

    @property
    def end(self) -> int:
        """Where every walk must end."""
        place = self.start
        for _ in range(2 * _SHORT + _LONG):
            place = (5 * place + 3) % _RING
        return place

    def pairs(self, gpu: Any, turns: Turns, times: int) -> Any:
        """All ordered pairs that so many launches measured, one launch after the other."""
        found = [self._enqueue(gpu, turns)[1] for _ in range(times)]
        taken = np.concatenate([one.get().view(PAIR) for one in found])
        if taken["source"].max() >= _sweeps.MOST_SMS or taken["destination"].max() >= _sweeps.MOST_SMS:
            raise RuntimeError(f"clusters of {self.size} blocks left no pairs")
        return taken

    def met(self, gpu: Any, turns: Turns) -> Any:
        """The SMs of the clusters that came and went: a row per cluster."""
        return self._enqueue(gpu, turns)[0].get().view(np.uint32).reshape(-1, self.size)

    def _enqueue(self, gpu: Any, turns: Turns) -> tuple[Any, Any]:
        met = cp.empty(4 * max(1, self.coming * self.size), dtype=cp.uint8)
        found = cp.empty(max(1, self.count * self.size**2) * PAIR.itemsize, dtype=cp.uint8)
        gpu.memset(found, 0xFF)
        gpu.memset(turns.taken, 0)
        seed = np.uint32(np.random.default_rng().integers(2**32))
        numbers = [np.uint32(n) for n in (self.start, self.coming, _LEAVING_NS)]
        _clusters.enqueue(
            gpu,
            clusters=self.coming + self.count,
            size=self.size,
            block=1,
            args=[*numbers, seed, met, turns.group_of_sm, turns.taken, found],
            shared=self.shared,
        )
        return met, found


def in_turns(gpu: Any, shared: int) -> Turns:
    """The groups of SMs that meet in clusters, which are the same for as long as this process lives."""
    global _turns
    if _turns is None:
        nobody, together = Turns([]), []
        for size in SIZES:
            if held := _fitting(gpu, size, shared):
                called = Launch(size=size, coming=_CALLED * held, count=0, start=0, shared=shared)
                met = called.met(gpu, nobody).astype(np.int64)
                together.append(np.stack([np.repeat(met[:, 0], size), met.ravel()]))
        _turns = Turns(pairs.groups(*np.concatenate(together, axis=1)))
    return _turns


def _fitting(gpu: Any, size: int, shared: int) -> int:
    try:
        return int(_clusters.fitting(gpu, size=size, block=1, shared=shared))
    except Unavailable:
        return 0
