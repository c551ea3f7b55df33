"""transfer_time of data in pieces: rows of a table in host memory, and blocks at scattered places."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridstone.fit.cells import Sought, best, cells, usable, words
from gridstone.model.lines import LINE, SECTOR, typical

if TYPE_CHECKING:
    import pandas as pd

PROBES = ("gather/zero_copy", "gather/staged", "gather/copies", "scatter/blocks", "scatter/large")

# What a request costs beside its sectors where too few cells say so: the header of a packet on PCIe and its framing.
_HEADER = 20.0
_WAYS = {"h2d": ("host", "device", False), "d2h": ("device", "host", False), "both": ("host", "device", True)}
_SHORTEST = 64
_LEAST_ROWS, _LEAST_BLOCKS = 1024.0, 16.0


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per method: gathers in place, by the host and a copy, by a copy each; scattered blocks per direction."""
    return [*_in_place(frame), *_staged(frame), *_row_copies(frame), *_blocks(frame)]


def _in_place(frame: pd.DataFrame) -> list[Sought]:
    """Seconds per row over what its requests cost on the wire, in which alignments and odd rows lie on one curve."""
    rows = usable(frame, "gather/zero_copy", "bandwidth")
    if rows.empty:
        return []
    numbers = (rows[axis].astype(int) for axis in ("row_bytes", "align", "vector"))
    at = zip(rows["method"], *numbers, strict=True)
    asked = [typical(*one) for one in at]
    sectors = np.array([SECTOR * one.sectors for one in asked])
    requests = np.array([one.requests for one in asked])
    seconds = (rows["row_bytes"] / rows["value"]).to_numpy(float)
    # Shorter rows are held up by how many requests may be under way, and say nothing of a request's cost on the wire.
    plain = (rows["method"] == "plain") & (rows["align"] == 0) & (rows["row_bytes"] >= _SHORTEST)
    aligned = plain.astype(bool).to_numpy()
    header = _header(seconds[aligned], requests[aligned], sectors[aligned])
    found = []
    for method in words(rows, "method"):
        these = (rows["method"] == method).to_numpy()
        wire = np.round(sectors[these] + header * requests[these], 3)
        table = cells(rows[these], factor=rows["row_bytes"][these].to_numpy(float), inverse=True, wire=wire)
        found.append(
            Sought(
                keys={"src": "host", "dst": "device", "method": f"gather/{method}", "duplex": False},
                axes=("wire",),
                unit="s",
                cells=table,
                candidates=("segments", "affine", "loglog"),
                rises=True,
                free={"rows": (_LEAST_ROWS, None)},
                parameters={"header": header},
            )
        )
    return found


def _header(seconds: np.ndarray, requests: np.ndarray, sectors: np.ndarray) -> float:
    """Bytes of sectors that cost as much as one request, by least squares of the ratio; between 0 and a line."""
    if np.unique(np.round(sectors / np.maximum(requests, 1e-9), 3)).size < 2:
        return _HEADER
    basis = np.column_stack([requests, sectors]) / seconds[:, None]
    (request, byte), *_ = np.linalg.lstsq(basis, np.ones(seconds.size), rcond=None)
    return round(float(np.clip(request / byte, 0.0, LINE)), 1) if byte > 0 else _HEADER


def _staged(frame: pd.DataFrame) -> list[Sought]:
    """Seconds per row over threads and the row's bytes: page-locked, with one buffer or two, whichever is faster."""
    rows = usable(frame, "gather/staged", "bandwidth", memory="pinned")
    if rows.empty:
        return []
    size = rows["row_bytes"].to_numpy(float)
    table = cells(rows, factor=size, inverse=True, threads=rows["threads"], chunk=size)
    return [_law("gather/staged", _WAYS["h2d"], best(table, ("threads", "chunk")), ("threads", "chunk"), _LEAST_ROWS)]


def _row_copies(frame: pd.DataFrame) -> list[Sought]:
    rows = usable(frame, "gather/copies", "bandwidth")
    found = []
    for method in words(rows, "method"):
        these = rows[rows["method"] == method]
        size = these["row_bytes"].to_numpy(float)
        table = cells(these, factor=size, inverse=True, chunk=size)
        found.append(_law(f"gather/{method}", _WAYS["h2d"], table, ("chunk",), _LEAST_ROWS))
    return found


def _blocks(frame: pd.DataFrame) -> list[Sought]:
    """Seconds per block of one way; both ways at once, until the blocks of both are there."""
    import pandas as pd

    many, large = usable(frame, "scatter/blocks", "bandwidth"), usable(frame, "scatter/large", "bandwidth")
    parts = [part for part in (many, large.assign(threads=1)) if len(part)]
    if not parts:
        return []
    rows = pd.concat(parts, ignore_index=True)
    found = []
    for direction, way in _WAYS.items():
        for method in words(rows[rows["direction"] == direction], "method"):
            these = rows[(rows["direction"] == direction) & (rows["method"] == method)]
            size = these["block"].to_numpy(float)
            counted = (2 if way[2] else 1) * size
            axes = ("threads", "chunk") if method == "per_block" else ("chunk",)
            columns = {"threads": these["threads"], "chunk": size}
            table = cells(these, factor=counted, inverse=True, **{axis: columns[axis] for axis in axes})
            found.append(_law(f"blocks/{method}", way, best(table, axes), axes, _LEAST_BLOCKS))
    return found


def _law(method: str, way: tuple[str, str, bool], table: pd.DataFrame, axes: tuple[str, ...], least: float) -> Sought:
    src, dst, duplex = way
    return Sought(
        keys={"src": src, "dst": dst, "method": method, "duplex": duplex},
        axes=axes,
        unit="s",
        cells=table,
        candidates=("affine", "cubic", "loglog", *(("segments",) if axes == ("chunk",) else ())),
        rises=not duplex,
        free={"rows": (least, None)},
    )
