"""Runs cells on one process per GPU that NCCL joins: each times its own part, the slowest rank is the sample."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gridstone import content
from gridstone.clock import Work
from gridstone.declaration import Machine, Unavailable, Value

_here = Path(__file__)
_worlds, _clocks = (content.load_module(_here.with_name(f"{name}.py")) for name in ("nccl_world", "nccl_clocks"))
# Per set of processes. Each takes some 100 MiB of GPU memory, and some tenths of a second to make. Cells come in random
# order, so where a run needs more than are kept most visits make one. The standard profile of 16 GPUs needs 28: NCCL's
# own choice and six that are forced, each of 2, 4, 8 and 16 ranks.
_MOST_COMMUNICATORS = 28


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
        each: bool = False,
    ) -> Work:
        """A program whose steps `ranks` ranks do together, a GPU each.

        program: a function of a Python file, called on each rank as program(rank, **axes); it returns a `rank.Program`
        (nccl_rank.py). algorithm, protocol: what NCCL is told to use, or `default`. work: units of the metric that one
        operation does. also: further amounts of one operation, whose rates are observed under these names. each: every
        operation is a sample of its own (`nccl_clocks.Single`), else many in a row are (`nccl_clocks.Bursts`).
        """
        world, members, name = self._joined(ranks, tier, algorithm, protocol, 0)
        clock = _clocks.Single(world, members, work) if each else _clocks.Bursts(world, members, work, also or {})
        return self._prepared(world, members, name, program, axes, clock)

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
        return self._prepared(world, members, name, program, axes, _clocks.Observer(world, members))

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


def _all(verdicts: list[bool | None]) -> bool | None:
    said = [verdict for verdict in verdicts if verdict is not None]
    return all(said) if said else None
