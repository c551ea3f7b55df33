"""host_time from the host probes, which need no GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells, usable, words

if TYPE_CHECKING:
    import pandas as pd

NAME = "host_time"
FORM = "time over log threads and log bytes; gathers and chases: n times one access over their coordinates"
PROBES = ("host/stream", "host/gather", "host/pointer_chase", "host/memcpy", "host/file")

_STREAMED_ARRAYS = {"copy": 2, "scale": 2, "add": 3, "triad": 3}
_CANDIDATES = ("loglog", "cubic", "affine")


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per kind of work."""
    return [*_streams(frame), *_gather(frame), *_chase(frame), *_memcpy(frame), *_files(frame)]


def _streams(frame: pd.DataFrame) -> list[Sought]:
    rows = usable(frame, "host/stream", "bandwidth")
    return [_stream(rows[rows["pattern"] == p], p) for p in words(rows, "pattern")]


def _stream(rows: pd.DataFrame, pattern: str) -> Sought:
    """Over threads and bytes; measured at one size only, proportional to the bytes from that size on."""
    moved = _STREAMED_ARRAYS[pattern] * rows["bytes"].to_numpy(float)
    keys = {"kind": f"stream/{pattern}"}
    if rows["bytes"].nunique() == 1:
        table = cells(rows, inverse=True, threads=rows["threads"])
        free, candidates = {"n": (float(moved[0]), None)}, ("loglog", "harmonic")
        return Sought(keys=keys, axes=("threads",), unit="s/B", cells=table, candidates=candidates, free=free)
    table = cells(rows, factor=moved, inverse=True, threads=rows["threads"], n=moved)
    return Sought(keys=keys, axes=("threads", "n"), unit="s", cells=table, candidates=_CANDIDATES, rises=True)


def _gather(frame: pd.DataFrame) -> list[Sought]:
    rows = usable(frame, "host/gather", "bandwidth")
    if rows.empty:
        return []
    row = rows["row_bytes"].to_numpy(float)
    table = cells(rows, factor=row, inverse=True, granule=row, threads=rows["threads"], working_set=rows["footprint"])
    axes = ("granule", "threads", "working_set")
    return [
        Sought(
            keys={"kind": "gather"},
            axes=axes,
            unit="s",
            cells=table,
            candidates=("loglog", "cubic", "separable"),
            rises=True,
            free={"n": (1.0, None)},
        )
    ]


def _chase(frame: pd.DataFrame) -> list[Sought]:
    rows = usable(frame, "host/pointer_chase", "latency")
    if rows.empty:
        return []
    table = cells(rows, working_set=rows["footprint"])
    keys, free = {"kind": "chase"}, {"n": (1.0, None)}
    return [Sought(keys=keys, axes=("working_set",), unit="s", cells=table, rises=True, free=free)]


def _memcpy(frame: pd.DataFrame) -> list[Sought]:
    rows = usable(frame, "host/memcpy", "bandwidth")
    if rows.empty:
        return []
    size = rows["bytes"].to_numpy(float)
    table = cells(rows, factor=size, inverse=True, threads=rows["threads"], n=size)
    keys, axes = {"kind": "memcpy"}, ("threads", "n")
    return [Sought(keys=keys, axes=axes, unit="s", cells=table, candidates=_CANDIDATES, rises=True)]


def _files(frame: pd.DataFrame) -> list[Sought]:
    rows = usable(frame, "host/file", "bandwidth")
    found = []
    for method in words(rows, "method"):
        for tier in words(rows[rows["method"] == method], "tier"):
            these = rows[(rows["method"] == method) & (rows["tier"] == tier)]
            size = these["bytes"].to_numpy(float)
            keys = {"kind": f"file/{method}/{tier}"}
            table = cells(these, factor=size, inverse=True, n=size)
            found.append(Sought(keys=keys, axes=("n",), unit="s", cells=table, candidates=_CANDIDATES, rises=True))
    return found
