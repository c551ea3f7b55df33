"""memory_time of copies between global and shared memory by their mechanism, and Little's law of reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from gridstone.fit.access import PLAIN, accesses, bytes_moved, keys
from gridstone.fit.cells import Sought, joined, usable, words

if TYPE_CHECKING:
    import pandas as pd

PROBES = ("tma/latency", "tma/round", "tma/throughput", "tma/in_flight", "tma/copy")

_PATTERNS = {"load": "read", "store": "write", "reduce": "reduce", "multicast": "multicast"}
_STAGES = 4  # of tma/in_flight's bulk copies: boxes of a quarter of what is in flight
# Little's law (unrolling, bytes under way): they come back once per latency, and no faster than the peak.
_LITTLE = ((0, -1), (0, 0))
# The same for boxes (blocks, granule, stages): the latency grows with the box, and a block issues box after box.
_BOXES = ((-1, -1, -1), (-1, 0, -1), (0, 0, 0), (-1, -1, 0))
# Of one number of boxes under way (dims, granule), and of boxes for all blocks of a cluster (cluster size, granule).
_ISSUED, _SPREAD = ((0, 0), (0, -1)), ((0, 0), (1, -1))


def sought(frame: pd.DataFrame) -> list[Sought | None]:
    """Copies one after the other, rounds of stores, and streams by pattern, mechanism and place."""
    return [
        *_latencies(frame),
        *_rounds(frame),
        *_by_threads(frame),
        *_bulk(frame),
        *_tensor(frame),
        *_columns(frame),
        *_copies(frame),
    ]


def _latencies(frame: pd.DataFrame) -> list[Sought | None]:
    rows = usable(frame, "tma/latency", "latency")
    found = []
    for tier, method in _pairs(rows, "tier", "method"):
        if method == PLAIN:
            continue  # the ladder's accesses
        these = rows[(rows["tier"] == tier) & (rows["method"] == method)]
        axes = _of(these, granule="bytes") if method != "tensor" else _of(these, dims="dims", granule="bytes")
        lines = ("affine", "loglog", "cubic")
        found.append(accesses(these, keys("chase", tier, method), axes, candidates=lines))
    return found


def _rounds(frame: pd.DataFrame) -> list[Sought | None]:
    """A store or reduction until it is done, or until its source may be written again."""
    rows = usable(frame, "tma/round", "latency")
    return [
        accesses(
            these, keys("round_trip", "l2", f"bulk/{function}"), _of(these, granule="bytes"), candidates=("affine",)
        )
        for function in words(rows, "function")
        if function.startswith(("store", "reduce"))
        for these in [rows[rows["function"] == function]]
    ]


def _by_threads(frame: pd.DataFrame) -> list[Sought | None]:
    """Reads that threads issue, over the bytes that each SM has under way, by loads in flight per thread."""
    rows = usable(frame, "tma/in_flight", "bandwidth")
    return [
        bytes_moved(
            these, keys("read", tier, method), _of(these, unroll="unroll", in_flight="in_flight"), terms=_LITTLE
        )
        for tier, method in _pairs(rows, "tier", "method")
        if method in (PLAIN, "cp_async")
        for these in [rows[(rows["tier"] == tier) & (rows["method"] == method)]]
    ]


def _bulk(frame: pd.DataFrame) -> list[Sought | None]:
    """Bulk copies over blocks per SM, bytes of a box and boxes under way; loads of tma/in_flight are among them."""
    rows = usable(frame, "tma/throughput", "bandwidth", form="bulk")
    flights = usable(frame, "tma/in_flight", "bandwidth", method="bulk")
    flights = flights.assign(
        pattern="load", bytes=flights.get("in_flight", np.nan) / _STAGES, stages=_STAGES, blocks=1, cluster_size=1
    )
    rows = joined([rows, flights])
    found = []
    for tier, pattern in _pairs(rows, "tier", "pattern"):
        these = rows[(rows["tier"] == tier) & (rows["pattern"] == pattern)]
        name = keys(_PATTERNS[pattern], tier, "bulk")
        if pattern == "multicast":
            axes = _of(these, cluster_size="cluster_size", granule="bytes")
            found.append(bytes_moved(these, name, axes, terms=_SPREAD))
        else:
            axes = _of(these, blocks="blocks", granule="bytes", stages="stages")
            found.append(bytes_moved(these, name, axes, terms=_BOXES))
    return found


def _tensor(frame: pd.DataFrame) -> list[Sought | None]:
    """Boxes of tensor maps over their dimensions and bytes, four under way in one block per SM."""
    rows = usable(frame, "tma/throughput", "bandwidth", form="tensor")
    found = []
    for tier, pattern in _pairs(rows, "tier", "pattern"):
        of_pattern = rows[(rows["tier"] == tier) & (rows["pattern"] == pattern)]
        for swizzle in sorted(of_pattern["swizzle"].unique()):
            these = of_pattern[of_pattern["swizzle"] == swizzle]
            name = keys(_PATTERNS[pattern], tier, f"tensor/swizzle_{int(swizzle)}" if swizzle else "tensor")
            if pattern == "multicast":
                axes = _of(these, dims="dims", cluster_size="cluster_size", granule="bytes")
                found.append(bytes_moved(these, name, axes, terms=[(0, *term) for term in _SPREAD]))
            else:
                found.append(bytes_moved(these, name, _of(these, dims="dims", granule="bytes"), terms=_ISSUED))
    return found


def _columns(frame: pd.DataFrame) -> list[Sought | None]:
    """Columns of pixels by tensor maps of images (im2col), of one size, over their dimensions."""
    rows = usable(frame, "tma/throughput", "bandwidth", form="im2col")
    return [
        bytes_moved(these, keys(_PATTERNS[pattern], tier, "im2col"), _of(these, dims="dims", granule="bytes"))
        for tier, pattern in _pairs(rows, "tier", "pattern")
        for these in [rows[(rows["tier"] == tier) & (rows["pattern"] == pattern)]]
    ]


def _copies(frame: pd.DataFrame) -> list[Sought | None]:
    """Loads and stores in turn, bytes counted twice, by what the lines are marked with."""
    rows = usable(frame, "tma/copy", "bandwidth")
    found = []
    for form in words(rows, "form"):
        these = rows[rows["form"] == form]
        axes = _of(these, blocks="blocks", granule="block", stages="stages")
        mechanism = "bulk" if form == "default" else f"bulk/{form}"
        found.append(bytes_moved(these, keys("copy", "dram", mechanism), axes, terms=_BOXES))
    return found


def _pairs(rows: pd.DataFrame, outer: str, inner: str) -> list[tuple[str, str]]:
    """The pairs of words of two axes that occur together, in order of name."""
    if rows.empty:
        return []
    return sorted({(str(a), str(b)) for a, b in zip(rows[outer], rows[inner], strict=True)})


def _of(rows: pd.DataFrame, **axes: str) -> dict[str, np.ndarray]:
    return {name: rows[column].to_numpy(float) for name, column in axes.items()}
