"""`pytest bench/`: each cell of a declaration file is a test of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gridstone import content
from gridstone.declaration import Cell, Probe, cell
from gridstone.errors import GridstoneError
from gridstone.plan import source_digest


class Declarations(pytest.File):
    """One file of declarations."""

    def collect(self) -> Iterator[pytest.Item]:
        """A test per cell of the profile, named `latency/pointer_chase[footprint=4096-stride=128]`."""
        profile = self.config.getoption("gridstone_profile")
        try:
            for probe in probes_of(self.path):
                digest = source_digest(probe)
                for axes in probe.points(profile):
                    found = cell(probe, axes, digest)
                    test: pytest.Function = pytest.Function.from_parent(
                        self, name=item_name(found), callobj=_test_of(found)
                    )
                    test.stash[CELL] = found
                    yield test
        except GridstoneError as error:
            raise self.CollectError(str(error)) from None


CELL: pytest.StashKey[Cell] = pytest.StashKey()


def probes_of(path: Path) -> list[Probe]:
    """The probes that a file declares, in its order. Raises ContentError where it cannot be loaded."""
    return [v for v in vars(content.load_module(path)).values() if isinstance(v, Probe) and v.file == path]


def item_name(found: Cell) -> str:
    """The name of a cell's test; it can be given to -k and after `::`."""
    values = "-".join(f"{name}={value}" for name, value in found.axes.items())
    return f"{found.probe.name}[{values}]"


def cells_of(session: pytest.Session) -> list[Cell]:
    """The cells that this session is going to measure, as far as they were collected from declarations."""
    return [item.stash[CELL] for item in session.items if CELL in item.stash]


def _test_of(found: Cell) -> Callable[[Any], None]:
    def measure_cell(gauge: Any) -> None:
        gauge(found.probe, **found.axes)

    return measure_cell
