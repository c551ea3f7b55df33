"""Runs cells on MPI ranks: each rank times its own part, the slowest is the sample."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content, ranks
from gridstone.clock import Work
from gridstone.declaration import Machine, Samples, Unavailable, Value

_worlds = content.load_module(Path(__file__).with_name("mpi_world.py"))
_LEAST_S = 1.5e-3
_MOST_REPEATS = 2000
_FEWEST = 5
_MOST_RANKS = 64  # more than any cell asks for


@contextmanager
def context(machine: Machine) -> Iterator[Mpi]:
    """The ranks as the bodies of MPI probes see them. With one library installed, they start here."""
    found = Mpi(machine)
    try:
        found.open()
        yield found
    finally:
        found.close()


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """Ranks that can stand in for one another. placement: how they share GPUs, None where they have none."""

    library: str
    placement: str | None = None
    aware: bool = False


class Mpi:
    """Ranks of every MPI library of this machine, started once and kept waiting between cells."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._room = min(_MOST_RANKS, max(2, ranks.places(machine.cores)))
        self._installed = ranks.installations()
        self._worlds: dict[_Kind, Any] = {}

    def open(self) -> None:
        """Start the ranks of each library. One that does not start costs its own cells, when they come."""
        for library in self._installed:
            kind = _Kind(library=library)
            try:
                self._worlds[kind] = self._start(kind, self._room)
            except (_worlds.RankFailed, Unavailable) as error:
                self._worlds[kind] = error

    def close(self) -> None:
        """End all ranks."""
        for world in self._worlds.values():
            if not isinstance(world, Exception):
                world.close()
        self._worlds.clear()

    def begin(self, cubin: bytes | None, l2: str) -> None:
        """Nothing to make ready: a cell on hosts has no kernel."""

    def end(self) -> None:
        """Nothing to give back: the ranks have forgotten the cell."""

    def work(
        self,
        program: Callable[..., Any],
        *,
        library: str,
        ranks: int,
        axes: Mapping[str, Value],
        work: float,
        tier: str = "node",
        gpu: str | None = None,
        also: Mapping[str, float] | None = None,
        each: bool = False,
        least_s: float = _LEAST_S,
    ) -> Work:
        """A program run by `ranks` ranks together.

        program: a function of the declaration's file, called on each rank as program(rank, **axes); it returns a
        `rank.Program` (mpi_rank.py). tier: `gpu`, ranks of one host on one GPU, `node`, ranks of one host, or
        `network`, spread over hosts. gpu: None, ranks without one; `beside`, each has a GPU, of which MPI knows
        nothing; `aware`, MPI is given its memory. work: units of the metric that one operation does. also: further
        amounts of one operation, whose rates are observed under these names. each: every operation is a sample of its
        own; else a sample is the median of as many operations as fill `least_s`.

        Samples hold, per operation, the seconds of the rank that took longest; observed are `imbalance`, how much
        less the fastest rank took, `lateness`, by which each rank began after the median one (one value per sample
        and rank, rank by rank), and what the program observed on the first rank.
        """
        world = self._world(library, tier, gpu, ranks)
        members = world.members(ranks, tier)
        world.ask(
            members,
            "prepare",
            file=program.__code__.co_filename,
            function=program.__name__,
            members=members,
            axes=dict(axes),
            clocks=world.clocks,
        )
        return Work(
            clock=_RankClock(world, members, work, also or {}, each, least_s),
            poison=lambda: world.ask(members, "poison") and None,
            verify=lambda: _all(world.ask(members, "verify")),
            close=lambda: world.ask(members, "forget") and None,
        )

    def _world(self, library: str, tier: str, gpu: str | None, size: int) -> Any:
        """The ranks to use. Those with a GPU start when they are first asked for, as many as it takes."""
        if library not in self._installed:
            raise Unavailable(ranks.absent(library, sorted(self._installed)))
        placement = None if gpu is None else "one" if tier == "gpu" else "each"
        kind = _Kind(library=library, placement=placement, aware=gpu == "aware")
        world = self._worlds.get(kind)
        if isinstance(world, Exception):
            raise world
        if world is not None and world.size < size and placement is not None:
            world.close()
            world = None
        if world is None:
            world = self._worlds[kind] = self._start(kind, max(size, self._room if ranks.elsewhere() else 2))
        return world

    def _start(self, kind: _Kind, size: int) -> Any:
        installation = self._installed[kind.library]
        more: dict[str, str] = {}
        if kind.placement is not None:
            more = {_worlds.PLACEMENT: kind.placement, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
            if kind.placement == "one" and self.machine.gpu is not None:
                more["CUDA_VISIBLE_DEVICES"] = self.machine.gpu.uuid
        if kind.aware:
            reason = ranks.without_cuda(installation)
            if reason is not None:
                raise Unavailable(reason)
            more |= ranks.cuda_variables(installation)
        return _worlds.World(installation, size, self.machine.cores, more)


class _RankClock:
    """Times a program that the ranks hold."""

    def __init__(
        self, world: Any, members: list[int], work: float, also: Mapping[str, float], each: bool, least_s: float
    ) -> None:
        self._world, self._members, self._work, self._also = world, members, work, also
        self._each, self._least_s = each, least_s
        self._repeats = 0

    def take(self, count: int) -> Samples:
        """`count` samples, or with `each` that many times as many as fill one."""
        if self._repeats == 0:
            self._repeats = self._calibrated()
        answers = self._world.ask(self._members, "take", count=count, repeats=self._repeats)
        shape = (len(self._members), count, -1)
        enter = np.array([a["enter"] for a in answers]).reshape(shape)
        leave = np.array([a["leave"] for a in answers]).reshape(shape)
        took = (leave - enter) / answers[0]["operations"]
        slowest, fastest = took.max(axis=0), took.min(axis=0)
        late = enter - np.median(enter, axis=0)
        if self._each:
            slowest, fastest = slowest.reshape(-1, 1), fastest.reshape(-1, 1)
            late = late.reshape(len(self._members), -1, 1)
        observed = {
            "imbalance": np.median(slowest - fastest, axis=1),
            "lateness": np.median(late, axis=2).T.ravel(),
        }
        for name in answers[0]["observed"][0] if answers[0]["observed"] else ():
            observed[name] = np.array([one[name] for one in answers[0]["observed"]])
        seconds = np.median(slowest, axis=1)
        rates = {name: amount / seconds for name, amount in self._also.items()}
        return Samples(seconds=seconds, work=self._work, observed=observed | rates)

    def _calibrated(self) -> int:
        """How many operations fill a sample, after a first one that brings memory in and connects."""
        repeats = 1
        while True:
            answers = self._world.ask(self._members, "take", count=1, repeats=repeats)
            took = max(max(a["leave"]) - min(a["enter"]) for a in answers)
            if took >= self._least_s / 4 or repeats >= _MOST_REPEATS:
                wanted = math.ceil(repeats * self._least_s / max(took, 1e-7))
                return max(1 if took > 0.02 else _FEWEST, min(_MOST_REPEATS, wanted))
            repeats *= 4


def _all(verdicts: list[bool | None]) -> bool | None:
    said = [verdict for verdict in verdicts if verdict is not None]
    return all(said) if said else None
