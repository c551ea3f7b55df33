"""transfer_time of rows of a table in host memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridstone.fit import blocks
from gridstone.fit.cells import Sought, best, cells, usable, words
from gridstone.fit.wire import asked_by, costs, countable
from gridstone.model.wire import wire

if TYPE_CHECKING:
    import pandas as pd

PROBES = ("gather/zero_copy", "gather/staged", "gather/copies")

_LEAST_ROWS = 1024.0


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per method: gathers in place, by the host and a copy, by a copy each."""
    return [*_in_place(frame), *_staged(frame), *_row_copies(frame)]


def _in_place(frame: pd.DataFrame) -> list[Sought]:
    """Seconds per row over what it costs the link, in which alignments and odd rows lie on one curve."""
    rows = usable(frame, "gather/zero_copy", "bandwidth")
    if rows.empty:
        return []
    rows = countable(rows)
    asked = asked_by(rows)
    prices = costs(asked, (rows["row_bytes"] / rows["value"]).to_numpy(float))
    bytes_each = np.array([wire(one, prices) for one in asked])
    found = []
    for method in words(rows, "method"):
        these = (rows["method"] == method).to_numpy()
        size = rows["row_bytes"][these].to_numpy(float)
        found.append(
            Sought(
                keys={"src": "host", "dst": "device", "method": f"gather/{method}", "duplex": False},
                axes=("wire",),
                unit="s",
                cells=cells(rows[these], factor=size, inverse=True, wire=bytes_each[these]),
                candidates=("segments", "affine", "loglog"),
                rises=True,
                free={"rows": (_LEAST_ROWS, None)},
                parameters=prices,
            )
        )
    return found


def _staged(frame: pd.DataFrame) -> list[Sought]:
    """Seconds per row over threads and the row's bytes: page-locked, with one buffer or two, whichever is faster."""
    rows = usable(frame, "gather/staged", "bandwidth", memory="pinned")
    if rows.empty:
        return []
    size = rows["row_bytes"].to_numpy(float)
    table = cells(rows, factor=size, inverse=True, threads=rows["threads"], chunk=size)
    return [_law("gather/staged", best(table, ("threads", "chunk")), ("threads", "chunk"))]


def _row_copies(frame: pd.DataFrame) -> list[Sought]:
    """Seconds per row of the driver's copies; batched ones beyond the switch as blocks are, which are the same call."""
    import pandas as pd

    rows = usable(frame, "gather/copies", "bandwidth")
    found = []
    for method in words(rows, "method"):
        these = rows[rows["method"] == method]
        size = these["row_bytes"].to_numpy(float)
        table = cells(these, factor=size, inverse=True, chunk=size)
        at: tuple[float, ...] = ()
        if method == "batch":
            at, further = blocks.switch(frame), blocks.beyond_the_switch(frame)
            table = pd.concat([table, further[~further["chunk"].isin(size)]], ignore_index=True)
        found.append(_law(f"gather/{method}", table, ("chunk",), at))
    return found


def _law(method: str, table: pd.DataFrame, axes: tuple[str, ...], at: tuple[float, ...] = ()) -> Sought:
    candidates = ("affine", "loglog", "segments") if axes == ("chunk",) else ("affine", "loglog", "cubic", "separable")
    return Sought(
        keys={"src": "host", "dst": "device", "method": method, "duplex": False},
        axes=axes,
        unit="s",
        cells=table,
        candidates=blocks.split(candidates, at),
        rises=not at,
        free={"rows": (_LEAST_ROWS, None)},
    )
