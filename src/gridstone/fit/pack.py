"""pack_time from the datatype probes: strided blocks on the host, by the MPI library, and on the GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells, usable, words

if TYPE_CHECKING:
    import pandas as pd

NAME = "pack_time"
FORM = "time over log dimensions, stride, block and bytes"
PROBES = ("datatype/host", "datatype/library", "datatype/kernel")

# The probe, the axis that tells its ways apart, and what `where` calls them.
_WAYS = (
    ("datatype/host", "method", "host"),
    ("datatype/library", "library", "mpi"),
    ("datatype/kernel", "form", "gpu"),
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
                found.append(
                    Sought(
                        keys={"where": f"{place}/{way}", "direction": direction},
                        axes=("dims", "stride", "block", "bytes"),
                        unit="s",
                        cells=table,
                        candidates=("loglog", "cubic", "separable"),
                        rises=True,
                    )
                )
    return found
