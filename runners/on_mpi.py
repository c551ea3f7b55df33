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
_LEAST_S = 0.7e-3
_MOST_REPEATS = 2000
_FEWEST, _FEW_S = 5, 4e-3  # operations in a sample, where so many take no longer
_SINGLE = 20  # operations for each sample that is asked for, where each is a sample: who is late shows in hundreds
_USUAL_ON_GPUS = 4  # ranks, which serve cells with fewer too
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
        self._repeats: dict[Any, int] = {}  # of every cell that was visited: one calibration serves all visits

    def open(self) -> None:
        """Start the ranks of all libraries at once. One that does not start costs its own cells, when they come."""
        kinds = [_Kind(library=library) for library in self._installed]
        for step in (lambda kind: self._start(kind, self._room), lambda kind: _met(self._worlds[kind])):
            for kind in kinds:
                try:
                    self._worlds[kind] = step(kind)
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
            apart=tier == "network",
            clocks=world.clocks,
        )
        key = (program.__code__, library, tier, gpu, ranks, tuple(sorted(axes.items())))
        return Work(
            clock=_RankClock(
                world,
                members,
                work,
                also or {},
                each,
                _Calibration(known=self._repeats, key=key, least_s=least_s, least=_SINGLE if each else 1),
            ),
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
            usual = min(_USUAL_ON_GPUS, self._room, self._room if placement == "one" else self.machine.gpus)
            size = max(size, self._room if ranks.elsewhere() else usual)
            world = self._worlds[kind] = _met(self._start(kind, size))
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


def _met(world: Any) -> Any:
    """The ranks, once all are there. Raises what has gone wrong before."""
    if isinstance(world, Exception):
        raise world
    world.meet()
    return world


class _RankClock:
    """Times a program that the ranks hold."""

    def __init__(
        self,
        world: Any,
        members: list[int],
        work: float,
        also: Mapping[str, float],
        each: bool,
        calibration: _Calibration,
    ) -> None:
        self._world, self._members, self._work, self._also = world, members, work, also
        self._each, self._calibration = each, calibration

    def take(self, count: int) -> Samples:
        """`count` samples, or with `each` that many times as many as fill one."""
        repeats = self._calibration.repeats(self._took)
        answers = self._world.ask(self._members, "take", count=count, repeats=repeats)
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

    def _took(self, repeats: int) -> float:
        """Seconds of so many operations, from the first rank's beginning to the last one's end."""
        answers = self._world.ask(self._members, "take", count=1, repeats=repeats)
        return max(max(a["leave"]) - min(a["enter"]) for a in answers)


@dataclass(frozen=True, kw_only=True)
class _Calibration:
    """How many operations fill a sample of `least_s` seconds, and are at `least` so many; found at the first visit to
    the cell `key` of `known`."""

    known: dict[Any, int]
    key: Any
    least_s: float
    least: int

    def repeats(self, took: Callable[[int], float]) -> int:
        """took: does so many operations, and says how long they took; the first brings memory in and connects."""
        if self.key not in self.known:
            self.known[self.key] = self._found(took)
        return self.known[self.key]

    def _found(self, took: Callable[[int], float]) -> int:
        tried = 1
        while True:
            seconds = max(took(tried), 1e-7)
            if seconds >= self.least_s / 4 or tried >= _MOST_REPEATS:
                fewest = max(self.least, min(_FEWEST, int(tried * _FEW_S / seconds)))
                return max(fewest, min(_MOST_REPEATS, math.ceil(tried * self.least_s / seconds)))
            tried *= 4


def _all(verdicts: list[bool | None]) -> bool | None:
    said = [verdict for verdict in verdicts if verdict is not None]
    return all(said) if said else None
