"""One process per GPU, of this machine or of those of a Slurm job, gone when this one is."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gridstone import content, ranks
from gridstone.declaration import Unavailable

_here = Path(__file__)
_rank, _starts, _worlds, _offsets = (
    content.load_module(_here.with_name(f"{name}.py")) for name in ("nccl_rank", "rank_start", "rank_world", "offsets")
)
RankFailed = _starts.RankFailed
_START_S = 50.0  # of the 60 that a runner may take


class World:
    """The GPUs' processes, waiting for work. device: the file with the `Device` that each of them opens."""

    def __init__(self, gpus: int, device: Path, variables: Mapping[str, str]) -> None:
        self.communicators: dict[str, list[int]] = {}
        self._ranks: Any = None
        self._meeting, self._started = _starts.Meeting(), _starts.Started("a rank")
        try:
            size = self._start(gpus, device, variables)
            for wire in self._meeting.callers(size, self._started, _START_S):
                _starts.began(wire.hello, f"GPU {wire.hello['place']}")
            self._meeting.close()
            self._ranks = _worlds.Ranks(sorted(self._meeting.met, key=_by_host_and_place), self._started)
            self._check()
        except BaseException:
            self.close()
            raise

    @property
    def hellos(self) -> list[dict[str, Any]]:
        """What each rank has said of itself."""
        found: list[dict[str, Any]] = self._ranks.hellos
        return found

    def members(self, count: int, tier: str) -> list[int]:
        """Ranks by the places of their GPUs (`rank_world.Ranks.members`)."""
        found: list[int] = self._ranks.members(count, tier, "GPUs")
        return found

    def ask(self, members: Sequence[int], do: str, /, **words: Any) -> list[Any]:
        """Tell some ranks to do something together (`rank_world.Ranks.ask`)."""
        found: list[Any] = self._ranks.ask(members, do, **words)
        return found

    def each(self, members: Sequence[int], do: str, words: Sequence[Mapping[str, Any]]) -> list[Any]:
        """The same with other words for each of them."""
        found: list[Any] = self._ranks.each(members, do, words)
        return found

    def offsets(self, members: Sequence[int]) -> list[Any]:
        """By how much the clock of each is ahead of this one's, now. Ranks of one machine share this one's clock."""
        if not self._ranks.clocks:
            return [_offsets.Offset(at=0.0, ahead=0.0)] * len(members)
        return [_offsets.seen(lambda number=number: self.ask([number], "now")[0]) for number in members]

    def close(self) -> None:
        """End the ranks, whatever they are doing."""
        self._meeting.close()
        for wire in self._meeting.met:
            wire.close()
        self._started.end()

    def _start(self, gpus: int, device: Path, variables: Mapping[str, str]) -> int:
        """Start the ranks; how many that are."""
        words = [sys.executable, str(_here.with_name("nccl_rank.py")), *self._meeting.words, str(device)]
        environment = os.environ | dict(variables) | self._meeting.environment
        if not ranks.elsewhere():
            for place in range(gpus):
                self._started.start([*words, str(place)], environment)
            return gpus
        environment.pop(
            "CUDA_VISIBLE_DEVICES", None
        )  # on other hosts GPUs have other names; Slurm says whose are whose
        size = ranks.places(gpus)
        self._started.start([*_launcher(size), *words], environment)
        return size

    def _check(self) -> None:
        """All ranks run this gridstone and one NCCL, on GPUs of one model, each on its own."""
        self._ranks.same_revision(_rank.revision())
        self._ranks.alike("gpu", "GPU")
        self._ranks.alike("nccl", "NCCL")
        if len({hello["uuid"] for hello in self.hellos}) < len(self.hellos):
            raise Unavailable("two ranks would share a GPU, which NCCL refuses: start one rank per GPU")


def _by_host_and_place(wire: Any) -> tuple[str, int]:
    return str(wire.hello["host"]), int(wire.hello["place"])


def _launcher(size: int) -> list[str]:
    """What starts `size` processes of the words that follow it on the hosts of a job."""
    told = os.environ.get("GRIDSTONE_MPI_LAUNCH")
    if told:
        mpiexec = next((str(one.mpiexec) for one in ranks.installations().values()), "mpiexec")
        return [word.replace("{mpiexec}", mpiexec).replace("{ranks}", str(size)) for word in shlex.split(told)]
    return ["srun", "--kill-on-bad-exit=1", "-n", str(size)]
