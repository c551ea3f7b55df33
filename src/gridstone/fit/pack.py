"""pack_time from the datatype probes: strided blocks on the host, by the MPI library, and on the GPU."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells, usable, words
from gridstone.fit.sectors import PROBES as SECTORS
from gridstone.fit.sectors import memory
from gridstone.model.sectors import Direction, Packing

if TYPE_CHECKING:
    import pandas as pd

    from gridstone.model.interpolate import Table

NAME = "pack_time"
FORM = (
    "time over dimensions, stride, block and bytes: a call, its bytes, its blocks, and what outgrows the cache; in the "
    "memory of a GPU what its sectors and bursts take, times a curve"
)
PROBES = ("datatype/host", "datatype/library", "datatype/kernel", *SECTORS)

# The probe, the axis that tells its ways apart, and what `where` calls them.
_WAYS = (
    ("datatype/host", "method", "host"),
    ("datatype/library", "library", "mpi"),
    ("datatype/kernel", "form", "gpu"),
)

# Exponents of dims, stride, block and bytes in what a call may spend its time on.
_TERMS = (
    (0, 0, 0, 0),  # the call
    (0, 0, 0, 0.1),  # more multiprocessors at work, the more bytes there are
    (0, 0, -0.25, 0),  # narrower words: more loads for the same bytes
    (0, 0, 0, 1),  # bytes
    (0, 0, -1, 1),  # blocks: a sector each where they are short
    (0, 0, 0, 1.5),  # both once more, for what a cache holds less and less of
    (0, 0, -1.5, 1.5),
)


_ON_GPU = "gpu/device"
_CANDIDATES = ("loglog", "terms", "cubic", "separable")
_KNOWN = ("known", "known*loglog", "known*cubic", "known*separable")
_DIRECTIONS: dict[str, Direction] = {"pack": "pack", "unpack": "unpack"}


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per place, way and direction."""
    found = []
    wire = memory(frame)
    for probe, axis, place in _WAYS:
        rows = usable(frame, probe, "time")
        for way in words(rows, axis):
            for direction in words(rows[rows[axis] == way], "direction"):
                these = rows[(rows[axis] == way) & (rows["direction"] == direction)]
                table = cells(
                    these, dims=these["dims"], stride=these["stride"], block=these["block"], bytes=these["bytes"]
                )
                if table.empty:
                    continue
                by_wire = wire is not None and f"{place}/{way}" == _ON_GPU
                course = Packing(memory=wire, direction=_DIRECTIONS[direction]) if wire and by_wire else None
                found.append(
                    Sought(
                        keys={"where": f"{place}/{way}", "direction": direction},
                        axes=("dims", "stride", "block", "bytes"),
                        unit="s",
                        cells=table,
                        candidates=_KNOWN if by_wire else _CANDIDATES,
                        terms=_TERMS,
                        known=None if course is None else partial(_always, course),
                        rises=not by_wire,
                        beside=SECTORS if by_wire else (),
                    )
                )
    return found


def _always(course: Packing, _: Table) -> Packing:
    """What the wire alone decides, whatever the points."""
    return course
