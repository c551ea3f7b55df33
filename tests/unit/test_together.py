"""Ranks that begin together, over a link by which one hears later than another; the clocks are made up."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gridstone import content

_together = content.load_module(content.folder("runners") / "together.py")
_MPI = SimpleNamespace(MAX="max", DOUBLE="double")
_TICK = 1e-6


class Link:
    """An all-reduce that each rank leaves some seconds after the last one has come."""

    def __init__(self, hears_after: tuple[float, ...], ahead: tuple[float, ...]) -> None:
        self.hears_after, self.ahead = list(hears_after), ahead
        self.true = [0.0] * len(hears_after)  # seconds on no rank's clock
        self._proposed, self._came = np.zeros(len(ahead)), np.zeros(len(ahead))
        self._gate = threading.Barrier(len(ahead), timeout=60)

    def rank(self, number: int) -> Any:
        def now() -> float:
            self.true[number] += _TICK
            return self.true[number] + self.ahead[number]

        def allreduce(mine: Any, into: Any, op: str) -> None:
            self._proposed[number], self._came[number] = mine[0][0], self.true[number]
            self._gate.wait()
            into[0][0] = self._proposed.max()
            self.true[number] = float(self._came.max()) + self.hears_after[number]
            self._gate.wait()

        made = _together.Together(_MPI, SimpleNamespace(Allreduce=allreduce), now=now)
        made.ahead = self.ahead[number]
        return made

    def all_do(self, ranks: list[Any], do: str) -> None:
        threads = [threading.Thread(target=getattr(rank, do)) for rank in ranks]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("hears_after", [(0.0, 1e-6), (0.0, 4e-3, 1e-3), (8e-3, 0.0, 0.0, 2e-6)])
def test_ranks_begin_at_one_moment_whoever_hears_last(hears_after: tuple[float, ...]) -> None:
    link = Link(hears_after, tuple(3.0 * n for n in range(len(hears_after))))
    ranks = [link.rank(number) for number in range(len(hears_after))]
    link.all_do(ranks, "practise")
    apart = []
    for _ in range(50):
        link.all_do(ranks, "__call__")
        apart.append(max(link.true) - min(link.true))
    assert np.median(apart) <= 4 * _TICK
    assert sum(gap > 4 * _TICK for gap in apart) <= 5


def test_one_that_was_held_up_once_does_not_hold_up_the_others() -> None:
    link = Link((0.0, 10e-6), (0.0, 0.0))
    ranks = [link.rank(0), link.rank(1)]
    link.all_do(ranks, "practise")
    link.hears_after[1] = 1.0
    link.all_do(ranks, "__call__")
    link.hears_after[1] = 10e-6
    start = max(link.true)
    link.all_do(ranks, "__call__")
    assert max(link.true) - start < 1e-3


def test_the_rank_that_hears_last_is_hardly_ever_late() -> None:
    """Else it would be named as a straggler for its place, as all operations that begin late are its own."""
    rng = np.random.default_rng(7)
    link = Link((0.0, 30e-6), (0.0, 0.0))
    ranks = [link.rank(0), link.rank(1)]
    link.all_do(ranks, "practise")
    late = 0
    for _ in range(1000):
        link.hears_after[:] = rng.exponential(5e-6), 30e-6 + rng.exponential(5e-6)
        link.all_do(ranks, "__call__")
        late += max(link.true) - min(link.true) > 4 * _TICK
    assert late <= 10
