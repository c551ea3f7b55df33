"""What passes between the parent and the child that measures: plain data, no live objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gridstone.declaration import Machine, Value
from gridstone.measure import Code
from gridstone.stats import Stopping
from gridstone.store import Row


@dataclass(frozen=True, kw_only=True)
class Start:
    """First message to a child: which machine, and which runner file it hosts, and whether a GPU is watched."""

    machine: Machine
    runner: Path
    on_gpu: bool


@dataclass(frozen=True, kw_only=True)
class Job:
    """One cell to measure. The child finds the probe by loading `file`."""

    file: Path
    probe: str
    axes: Mapping[str, Value]
    cell_id: str
    cubin: bytes | None
    code: Code
    stopping: Stopping
    run_id: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a cell gave: its rows, and the raw seconds of each sample."""

    rows: tuple[Row, ...]
    seconds: tuple[float, ...] = ()
    sampling_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Failure:
    """The cell raised; the child ends itself after sending this, since a GPU context may be beyond repair."""

    status: str
    reason: str
