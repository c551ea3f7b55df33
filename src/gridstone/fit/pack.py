"""pack_time from the datatype probes: strided blocks on the host, by the MPI library, and on the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells, usable, words

if TYPE_CHECKING:
    import pandas as pd

NAME = "pack_time"
FORM = "time over dimensions, stride, block and bytes: a call, its bytes, its blocks, and what outgrows the cache"
PROBES = ("datatype/host", "datatype/library", "datatype/kernel")

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


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per place, way and direction."""
    found = []
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
                found.append(
                    Sought(
                        keys={"where": f"{place}/{way}", "direction": direction},
                        axes=("dims", "stride", "block", "bytes"),
                        unit="s",
                        cells=table,
                        candidates=("loglog", "terms", "cubic", "separable"),
                        terms=_TERMS,
                        rises=True,
                    )
                )
    return found
