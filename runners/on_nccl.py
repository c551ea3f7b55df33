"""Runs cells on one process per GPU that NCCL joins: each times its own part, the slowest rank is the sample."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work
from gridstone.declaration import Machine, Samples, Unavailable, Value

_here = Path(__file__)
_worlds = content.load_module(_here.with_name("nccl_world.py"))
_LEAST_S = 400e-6
_MOST_REPEATS = 48  # NCCL puts several commands on the stream for each, and a stream holds about a thousand
_ITERATIONS = 8
_MOST_COMMUNICATORS = 12  # per set of processes: each takes some 100 MiB of GPU memory


@contextmanager
def context(machine: Machine) -> Iterator[Nccl]:
    """The ranks as the bodies of NCCL probes see them; they start here."""
    found = Nccl(machine, _here.with_name("nccl_device.py"))
    try:
        found.open()
        yield found
    finally:
        found.close()


class Nccl:
    """A process per GPU, kept waiting between cells; for a limit of thread blocks another set of processes.

    device: the file that drives a GPU and NCCL in each of them.
    """

    def __init__(self, machine: Machine, device: Path) -> None:
        self.machine, self._device = machine, device
        self._worlds: dict[int, Any] = {}
        self._cubin: str | None = None

    def open(self) -> None:
        """Start the ranks. Where they do not start, that costs the cells, when they come."""
        try:
            self._world(0)
        except (_worlds.RankFailed, Unavailable) as error:
            self._worlds[0] = error

    def close(self) -> None:
        """End all ranks."""
        for world in self._worlds.values():
            if not isinstance(world, Exception):
                world.close()
        self._worlds.clear()

    def begin(self, cubin: bytes | None, l2: str) -> None:
        """Keep the cell's kernel for the ranks."""
        self._cubin = None if cubin is None else base64.b64encode(cubin).decode()

    def end(self) -> None:
        """Nothing to give back: the ranks have forgotten the cell."""

    def work(
        self,
        program: Callable[..., Any],
        *,
        ranks: int,
        axes: Mapping[str, Value],
        work: float,
        tier: str = "nvlink",
        algorithm: str = "default",
        protocol: str = "default",
        also: Mapping[str, float] | None = None,
    ) -> Work:
        """A program whose steps `ranks` ranks do together, a GPU each.

        program: a function of a Python file, called on each rank as program(rank, **axes); it returns a `rank.Program`
        (nccl_rank.py). algorithm, protocol: what NCCL is told to use, or `default`. work: units of the metric that one
        operation does. also: further amounts of one operation, whose rates are observed under these names.

        Samples hold the seconds of one operation on the rank that took longest, out of as many in a row as fill
        `_LEAST_S`, by events on the device. Observed are `time_host`, how long the slowest host saw one operation take;
        `time_rank`, single operations on each rank, one value per operation and rank, rank by rank; `imbalance`, how
        much less the fastest rank took for one; and `lateness`, by which the last host began after the first.
        """
        world, members, name = self._joined(ranks, tier, algorithm, protocol, 0)
        return self._prepared(world, members, name, program, axes, _RankClock(world, members, work, also or {}))

    def observe(
        self,
        program: Callable[..., Any],
        *,
        ranks: int,
        axes: Mapping[str, Value],
        tier: str = "nvlink",
        blocks: int = 0,
    ) -> Work:
        """A program that reads its metrics off its own clock on each rank; the worst rank's are kept.

        blocks: the most thread blocks that NCCL may take on each GPU, 0 for its own choice.
        """
        world, members, name = self._joined(ranks, tier, "default", "default", blocks)
        return self._prepared(world, members, name, program, axes, _RankObserver(world, members))

    def _prepared(
        self,
        world: Any,
        members: list[int],
        name: str,
        program: Callable[..., Any],
        axes: Mapping[str, Value],
        clock: Any,
    ) -> Work:
        common = {
            "name": name,
            "size": len(members),
            "file": program.__code__.co_filename,
            "function": program.__name__,
            "axes": dict(axes),
            "cubin": self._cubin,
        }
        world.each(members, "prepare", [{**common, "rank": rank} for rank in range(len(members))])
        return Work(
            clock=clock,
            poison=lambda: world.ask(members, "poison") and None,
            verify=lambda: _all(world.ask(members, "verify")),
            close=lambda: world.ask(members, "forget") and None,
        )

    def _joined(self, ranks: int, tier: str, algorithm: str, protocol: str, blocks: int) -> tuple[Any, list[int], str]:
        """The processes, those of them that take part, and the name of the communicator that they all have joined.

        NCCL reads the algorithm and the protocol when a communicator is made, the limit of blocks once per process.
        """
        world = self._world(blocks)
        members: list[int] = world.members(ranks, tier)
        name = f"{'-'.join(map(str, members))}:{algorithm}:{protocol}"
        if name not in world.communicators:
            self._forget_oldest(world)
            forced = {"NCCL_ALGO": algorithm.capitalize(), "NCCL_PROTO": protocol}
            settings = {key: word for key, word in forced.items() if word.lower() != "default"}
            (unique,) = world.ask(members[:1], "unique_id")
            common = {"name": name, "unique": unique, "size": len(members), "settings": settings}
            world.each(members, "join", [{**common, "rank": rank} for rank in range(len(members))])
        world.communicators[name] = world.communicators.pop(name, members)  # now the latest
        return world, members, name

    def _forget_oldest(self, world: Any) -> None:
        if len(world.communicators) >= _MOST_COMMUNICATORS:
            oldest, members = next(iter(world.communicators.items()))
            world.ask(members, "part", name=oldest)
            del world.communicators[oldest]

    def _world(self, blocks: int) -> Any:
        """The processes with that limit; of those with one, only the latest are kept."""
        if blocks not in self._worlds:
            for other in [b for b in self._worlds if b]:
                self._worlds.pop(other).close()
            variables = {"NCCL_MAX_CTAS": str(blocks)} if blocks else {}
            self._worlds[blocks] = _worlds.World(self.machine.gpus, self._device, variables)
        found = self._worlds[blocks]
        if isinstance(found, Exception):
            raise found
        return found


class _RankClock:
    """Times the steps of a program that the ranks hold."""

    def __init__(self, world: Any, members: list[int], work: float, also: Mapping[str, float]) -> None:
        self._world, self._members, self._work, self._also = world, members, work, also
        self._repeats = 0

    def take(self, count: int) -> Samples:
        """`count` samples."""
        if self._repeats == 0:
            self._world.ask(self._members, "warm", repeats=1)
            once = max(self._world.ask(self._members, "warm", repeats=4))
            self._repeats = max(1, min(_MOST_REPEATS, round(_LEAST_S / max(once, 1e-7))))
        iterations = min(_ITERATIONS, self._repeats)
        words = {"count": count, "repeats": self._repeats, "iterations": iterations}
        answers = self._world.ask(self._members, "take", **words)
        ahead = np.array([self._world.skew[number] for number in self._members])[:, None]
        operations = answers[0]["operations"]
        seconds = _rows(answers, "seconds").max(axis=0) / operations
        single = _rows(answers, "iterations") / operations
        enter, leave = _rows(answers, "enter") - ahead, _rows(answers, "leave") - ahead
        observed = {
            "time_host": (leave - enter).max(axis=0) / operations,
            "time_rank": single.T.ravel(),
            "imbalance": single.max(axis=0) - single.min(axis=0),
            "lateness": np.ptp(enter, axis=0),
        }
        rates = {name: amount / seconds for name, amount in self._also.items()}
        return Samples(seconds=seconds, sm_hz=np.array(answers[0]["sm_hz"]), work=self._work, observed=observed | rates)


class _RankObserver:
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


def _all(verdicts: list[bool | None]) -> bool | None:
    said = [verdict for verdict in verdicts if verdict is not None]
    return all(said) if said else None
