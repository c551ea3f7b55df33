"""Ranks of one MPI library, started by mpiexec, gone when this process is, however it ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gridstone import content, ranks
from gridstone.declaration import Unavailable

_here = Path(__file__)
_rank, _starts, _worlds = (
    content.load_module(_here.with_name(f"{name}.py")) for name in ("mpi_rank", "rank_start", "rank_world")
)
RankFailed = _starts.RankFailed
PLACEMENT = _rank.PLACEMENT
_START_S = 25.0  # of the 60 that a runner may take, for two libraries


class World:
    """`size` ranks of one MPI library that wait for work, once they have met."""

    def __init__(
        self, installation: ranks.Installation, size: int, cores: int, more: Mapping[str, str] | None = None
    ) -> None:
        """Start them, and do not wait. more: further variables of their environment."""
        self.library, self.size = installation.library, size
        self._ranks: Any = None
        self._meeting = _starts.Meeting()
        words = [sys.executable, str(_here.with_name("mpi_rank.py")), *self._meeting.words]
        given = os.environ | installation.variables(size, cores) | dict(more or {}) | self._meeting.environment
        command = installation.command(size, cores, given)
        self._started = _starts.Started(Path(command[0]).name)
        try:
            self._started.start([*command, *words], given)
        except BaseException:
            self.close()
            raise

    def meet(self) -> None:
        """Wait until all are there. Raises RankFailed or Unavailable where they cannot be used; then they are gone."""
        try:
            for wire in self._meeting.callers(self.size, self._started, _START_S):
                _starts.began(wire.hello, "a rank")
                self._sized(wire.hello)
            self._meeting.close()
            self._ranks = _worlds.Ranks(sorted(self._meeting.met, key=_by_rank), self._started)
            self._ranks.same_revision(_rank.revision())
            self._ranks.alike("gpu", "GPU")
            self._right_library()
        except BaseException:
            self.close()
            raise

    @property
    def clocks(self) -> bool:
        """Whether the ranks are on machines with clocks of their own."""
        return bool(self._ranks.clocks)

    def members(self, count: int, tier: str) -> list[int]:
        """Ranks that talk over a tier (`rank_world.Ranks.members`)."""
        found: list[int] = self._ranks.members(count, tier, "ranks")
        return found

    def ask(self, members: Sequence[int], do: str, /, **words: Any) -> list[Any]:
        """Tell some ranks to do something together (`rank_world.Ranks.ask`)."""
        found: list[Any] = self._ranks.ask(members, do, **words)
        return found

    def close(self) -> None:
        """End the ranks and mpiexec."""
        self._meeting.close()
        for wire in self._meeting.met:
            wire.close()
        self._started.end()

    def _sized(self, hello: Mapping[str, Any]) -> None:
        if hello["size"] != self.size:
            raise RankFailed(
                f"{self.size} ranks were started by {self._started.processes[0].args[0]}, and each found itself one of "
                f"{hello['size']}: it is not the mpiexec of the MPI library under mpi4py ({hello['library']})"
            )

    def _right_library(self) -> None:
        found = str(self._ranks.hellos[0]["library"])
        if ("Open MPI" in found) != (self.library == "openmpi"):
            raise Unavailable(
                f"mpi4py loads {found} where {self.library} was asked for: set MPI4PY_LIBMPI or reinstall it"
            )


def _by_rank(wire: Any) -> int:
    return int(wire.hello["rank"])
