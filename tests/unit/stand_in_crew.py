"""Processes that are none: what a visit gives hangs on the cell, the pass and the turn alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from plan_probes import NODE

from gridstone.declaration import Cell, Samples, bandwidth, cell, constant, cycles, per_sm_clock, probe, rate
from gridstone.device import Reading
from gridstone.measure import Taken
from gridstone.stats import Stopping
from gridstone.worker import Failure, Session, Visit

PASSES, VISITS = 2, 3


@probe(
    None,
    family="first",
    runner="on_cupy",
    size=[1, 2, 3, 4],
    measures=[cycles(per="hop"), rate(unit="flop/s"), bandwidth()],
    limit={"rate": per_sm_clock(1e6, "a table"), "bandwidth": constant(1e3, "a datasheet")},
)
def work(gpu: object, size: int) -> None:
    """Some work."""


CELLS = [cell(work, {"size": size}, "source") for size in (1, 2, 3, 4)]


class StandInCrew:
    """One pass of a session. The visit with a number in `stopped` is an interrupt."""

    of_session: list[StandInCrew]
    visits: list[tuple[int, int]]  # of all sessions: the size of the cell and the pass
    stopped: set[int]
    failed: dict[tuple[int, int, int], str]  # by size, pass and turn, how

    def __init__(self, **_: object) -> None:
        StandInCrew.of_session.append(self)

    def __enter__(self) -> StandInCrew:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def open(self, _: Cell) -> None:
        pass

    prepare = open

    def visit(
        self, one: Cell, samples: int, _cubin: object, turn: int, meanwhile: Callable[[], None]
    ) -> Visit | Failure:
        size, number = int(one.axes["size"]), PASSES - len(self.of_session) + self.of_session.index(self)
        self.visits.append((size, number))
        if len(self.visits) in self.stopped:
            raise KeyboardInterrupt
        meanwhile()
        if (size, number, turn) in self.failed:
            return Failure(status=self.failed[size, number, turn], reason="no answer", wall_s=2.0)
        return visit(size, number, turn, samples)


def visit(size: int, number: int, turn: int, samples: int = 5) -> Visit:
    """What a visit to a cell gives; clocks, power and what throttles are one thing in each pass."""
    rng = np.random.default_rng((size, number, turn))
    hz = np.full(samples, 1.95e9 - 15e6 * number)
    found = Samples(seconds=rng.normal(1.0, 0.01, samples), cycles=rng.normal(30, 1, samples), sm_hz=hz, work=1e2)
    throttle = frozenset({"sw_power_cap"} if (size, number) == (2, 0) else {"display_clocks"} if number else set())
    reading = Reading(sm_mhz=None, mem_mhz=2619.0, power_w=100.0 * (1 + number), temperature_c=40.0, throttle=throttle)
    taken = Taken(samples=found, readings=(reading,), verified=(size, number) != (3, 0))
    return Visit(taken=taken, work_s=0.01, process=10 * number + turn, wall_s=0.02)


def sitting(folder: Path, *, resume: bool = False, **more: Any) -> Session:
    """A session of two passes of three visits each through four cells."""
    StandInCrew.of_session = []
    stopping = Stopping(least=VISITS, most=VISITS, budget_s=1.0, passes=PASSES)
    settings = {"cells": CELLS, "machine": NODE, "request": {"seed": 1}, "stopping": stopping} | more
    return Session(folder=folder, resume=resume, **settings)
