"""What the ranks of NCCL saw, as samples: many operations in a row, single ones, or what a program observed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.declaration import Samples

_offsets = content.load_module(Path(__file__).with_name("offsets.py"))
_LEAST_S = 400e-6
_MOST_REPEATS = 48  # NCCL puts several commands on the stream for each, and a stream holds about a thousand
_ITERATIONS = 8
_SINGLE = 40  # operations for each sample that is asked for


class Hosts:
    """Asks the ranks for times of their hosts, and puts them on one clock: its offsets are seen before and after."""

    def __init__(self, world: Any, members: list[int]) -> None:
        self._world, self._members = world, members
        self._before: list[Any] = []

    def ask(self, do: str, **words: Any) -> tuple[list[Any], Any, Any]:
        """What each rank answers; when it began and when it ended, a row per rank."""
        before = self._before or self._world.offsets(self._members)
        answers = self._world.ask(self._members, do, **words)
        after = self._before = self._world.offsets(self._members)
        enter, leave = (
            np.array([_offsets.here(*one) for one in zip((a[name] for a in answers), before, after, strict=True)])
            for name in ("enter", "leave")
        )
        return answers, enter, leave


class Bursts:
    """Times the steps of a program that the ranks hold.

    Samples hold the seconds of one operation on the rank that took longest, out of as many in a row as fill
    `_LEAST_S`, by events on the device. Observed are `time_host`, how long the slowest host saw one operation take;
    `time_rank`, single operations on each rank, one value per operation and rank, rank by rank; `imbalance`, how
    much less the fastest rank took for one; and `lateness`, by which the last host began after the first.
    """

    def __init__(self, world: Any, members: list[int], work: float, also: Mapping[str, float]) -> None:
        self._world, self._members, self._work, self._also = world, members, work, also
        self._hosts = Hosts(world, members)
        self._repeats = 0

    def take(self, count: int) -> Samples:
        """`count` samples."""
        if self._repeats == 0:
            self._world.ask(self._members, "warm", repeats=1)
            once = max(self._world.ask(self._members, "warm", repeats=4))
            self._repeats = max(1, min(_MOST_REPEATS, round(_LEAST_S / max(once, 1e-7))))
        iterations = min(_ITERATIONS, self._repeats)
        words = {"count": count, "repeats": self._repeats, "iterations": iterations}
        answers, enter, leave = self._hosts.ask("take", **words)
        operations = answers[0]["operations"]
        seconds = _rows(answers, "seconds").max(axis=0) / operations
        single = _rows(answers, "iterations") / operations
        observed = {
            "time_host": (leave - enter).max(axis=0) / operations,
            "time_rank": single.T.ravel(),
            "imbalance": single.max(axis=0) - single.min(axis=0),
            "lateness": np.ptp(enter, axis=0),
        }
        rates = {name: amount / seconds for name, amount in self._also.items()}
        return Samples(seconds=seconds, sm_hz=np.array(answers[0]["sm_hz"]), work=self._work, observed=observed | rates)


class Single:
    """Times single steps by the clocks of the hosts: `_SINGLE` for each sample that is asked for, all of them samples.

    Samples hold the seconds of the rank that took longest, from when its host began to queue the operation until it
    saw the end. Observed are `imbalance`, how much less the fastest rank took, and `lateness`, by which each rank
    began after the median one, one value per operation and rank, rank by rank.
    """

    def __init__(self, world: Any, members: list[int], work: float) -> None:
        self._world, self._members, self._work = world, members, work
        self._hosts = Hosts(world, members)
        self._warm = False

    def take(self, count: int) -> Samples:
        """`_SINGLE * count` samples."""
        if not self._warm:
            self._world.ask(self._members, "warm", repeats=4)
            self._warm = True
        answers, enter, leave = self._hosts.ask("single", count=_SINGLE * count)
        took = (leave - enter) / answers[0]["operations"]
        late = enter - np.median(enter, axis=0)
        observed = {"imbalance": np.ptp(took, axis=0), "lateness": late.T.ravel()}
        return Samples(seconds=took.max(axis=0), work=self._work, observed=observed)


class Observer:
    """Reads what a program saw on every rank."""

    def __init__(self, world: Any, members: list[int]) -> None:
        self._world, self._members = world, members

    def take(self, count: int) -> Samples:
        """`count` samples of every observed metric: the largest of the ranks, each of which is a time or a slowdown."""
        answers = self._world.ask(self._members, "observe", count=count)
        names = answers[0][0]
        taken = {name: np.array([[one[name] for one in answer] for answer in answers]) for name in names}
        return Samples(observed={name: of_ranks.max(axis=0) for name, of_ranks in taken.items()})


def _rows(answers: list[Any], name: str) -> Any:
    """What each rank answered, a row per rank."""
    return np.array([answer[name] for answer in answers], dtype=float)
