"""What passes between the parent and the child that measures: plain data, no live objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridstone.declaration import Machine, Value
from gridstone.measure import Taken
from gridstone.store import Row


@dataclass(frozen=True, kw_only=True)
class Start:
    """First message to a child: which machine, which runner file it hosts, whether a GPU is watched, and whether the
    runner uses all GPUs."""

    machine: Machine
    runner: Path
    on_gpu: bool
    all_gpus: bool = False

    @property
    def gpus(self) -> tuple[str, ...]:
        """UUIDs of the GPUs that the child sees, in their order."""
        one = () if self.machine.gpu is None else (self.machine.gpu.uuid,)
        return self.machine.uuids or one if self.all_gpus else one


@dataclass(frozen=True, kw_only=True)
class Open:
    """The child, which has loaded its runner, may open it: the memory of the GPU that it takes is free."""


@dataclass(frozen=True, kw_only=True)
class Ready:
    """The child has opened its runner; from here on a cell's time counts."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One visit to a cell: set it up and take `samples`. The child finds the probe by loading `file`."""

    file: Path
    probe: str
    axes: Mapping[str, Value]
    cubin: bytes | None
    samples: int


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What one visit gave, and the seconds it took.

    work_s: what the probe itself was busy for: its set-up, warm-up, samples and verification. wall_s: from the
    parent's request to the answer. process: the id of the process that made it.
    """

    taken: Taken
    work_s: float
    process: int
    wall_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a visit gave nothing. The child ends itself after it, since a GPU context may be beyond repair."""

    status: str
    reason: str
    wall_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What all visits to a cell gave: its rows, and the raw seconds of each sample."""

    rows: tuple[Row, ...]
    seconds: tuple[float, ...] = ()
