"""memory_time where accesses get into each other's way: banks, sets, and atomics on the same words."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gridstone.fit.access import accesses, bytes_moved, keys
from gridstone.fit.cells import Sought, joined, usable, words
from gridstone.model.banks import LANES, passes

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

PROBES = (
    "contention/strided_latency",
    "contention/strided_load",
    "contention/l2_sets",
    "contention/atomic_throughput",
    "contention/shared_atomic_latency",
    "contention/global_atomic_latency",
    "cache/l1_capacity",
    "cache/l1_line",
    "cache/l1_ways",
    "cache/tlb",
)

_SPACES = {"shared": "shared", "global": "l1"}  # of a load; atomics of global memory are L2's
_BYTES = {"u32": 4, "f32": 4, "f16x2": 4, "bf16x2": 4, "u64": 8, "f64": 8}
_LINE = 128.0
_LINES = ("affine", "loglog")
_SMALL_CARVEOUT = 100  # of cache/l1_line: the most that shared memory can have


def sought(frame: pd.DataFrame) -> list[Sought | None]:
    """Loads of a warp by stride, chains by stride and working set, and atomics by what they are on."""
    return [*_strided(frame), *_carved(frame), *_sets(frame), *_atomics(frame), *_atomic_chains(frame)]


def _strided(frame: pd.DataFrame) -> Iterator[Sought | None]:
    """Over the passes that a load takes, which the stride decides."""
    for source, space in _SPACES.items():
        rows = _regular(usable(frame, "contention/strided_latency", "latency", source=source))
        axes = _passes(rows, space, chained=True)
        yield _apart(
            accesses(rows, keys("strided_chase", space), axes, candidates=_LINES, parameters={"lanes": LANES}), rows
        )
        rows = _regular(usable(frame, "contention/strided_load", "bandwidth_sm", source=source))
        axes = _passes(rows, space, chained=False)
        yield _apart(
            bytes_moved(rows, keys("strided", space), axes, unit="cycle/B", candidates=_LINES, parameters=_clock(rows)),
            rows,
        )


def _apart(law: Sought | None, rows: pd.DataFrame) -> Sought | None:
    """The law with the strides that it holds for: further apart, lanes may meet elsewhere than in banks."""
    if law is None:
        return None
    strides = rows["stride"][rows["stride"] > 0]
    apart = {} if strides.empty else {"stride": (float(strides.min()), float(strides.max()))}
    return replace(law, free={**law.free, **apart})


def _regular(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows whose clock is known and whose lanes load whole words, which the passes can be counted for."""
    if rows.empty:
        return rows
    whole = rows["vector"].isin([4, 8, 16]) & (rows["stride"] >= 0) & (rows["stride"] % rows["vector"].clip(1) == 0)
    return rows[whole & (rows["sm_mhz"] > 0)]


def _passes(rows: pd.DataFrame, space: str, *, chained: bool) -> dict[str, np.ndarray]:
    widths, strides = (rows[c].to_numpy(int) if len(rows) else np.empty(0, int) for c in ("vector", "stride"))
    counted = [passes(space, int(w), int(s), chained=chained) for w, s in zip(widths, strides, strict=True)]
    return {"granule": widths, "passes": np.asarray(counted, float)}


def _clock(rows: pd.DataFrame) -> dict[str, float]:
    return {"clock_hz": float(rows["sm_mhz"].median()) * 1e6} if len(rows) else {}


def _carved(frame: pd.DataFrame) -> Iterator[Sought | None]:
    """L1 over the working set by how much shared memory may take of it, and there by the granule too."""
    rows = usable(frame, "cache/l1_capacity", "latency").assign(stride=_LINE)
    lines = usable(frame, "cache/l1_line", "latency")
    if len(lines):
        lines = lines.assign(footprint=lines["stride"] * lines["count"], carveout=_SMALL_CARVEOUT)
    rows = joined([rows, lines])
    for carveout in sorted(rows["carveout"].unique()) if len(rows) else ():
        these = rows[rows["carveout"] == carveout]
        axes = {"granule": these["stride"].to_numpy(float), "working_set": these["footprint"].to_numpy(float)}
        yield accesses(these, keys("chase", "l1", f"carveout/{int(carveout)}"), axes, rises=True)


def _sets(frame: pd.DataFrame) -> Iterator[Sought | None]:
    """Chains whose strides would fall on one set if address bits alone picked it, and odd ones beside them."""
    ways = usable(frame, "cache/l1_ways", "latency").assign(pattern="power_of_two", space="l1")
    sets = usable(frame, "contention/l2_sets", "latency").assign(space="l2")
    pages = usable(frame, "cache/tlb", "latency").assign(pattern="power_of_two", space="l2")
    rows = joined([ways, sets, pages])
    for space in words(rows, "space"):
        for pattern in words(rows[rows["space"] == space], "pattern"):
            these = rows[(rows["space"] == space) & (rows["pattern"] == pattern)]
            stride = these["stride"].to_numpy(float)
            axes = {"granule": stride, "working_set": stride * these["count"].to_numpy(float)}
            yield accesses(these, keys(f"chase_{pattern}", space), axes)


def _atomics(frame: pd.DataFrame) -> Iterator[Sought | None]:
    """All warps at `count` words, the same for all or each its own; seconds per byte of the words."""
    rows = usable(frame, "contention/atomic_throughput", "rate")
    for pattern in words(rows, "pattern"):
        of_pattern = rows[rows["pattern"] == pattern]
        for space, these, mechanism, size in _operations(of_pattern, by=("method", "function", "dtype")):
            axes = {"count": these["count"].to_numpy(float)}
            name = keys(f"atomic_{pattern}", space, mechanism)
            yield bytes_moved(these, name, axes, factor=1 / size, parameters={"granule": size})


def _atomic_chains(frame: pd.DataFrame) -> Iterator[Sought | None]:
    rows = usable(frame, "contention/shared_atomic_latency", "latency")
    for space, these, mechanism, size in _operations(rows, by=("function", "dtype")):
        axes = {"count": these["count"].to_numpy(float)}
        yield accesses(these, keys("atomic_chase", space, mechanism), axes, granule=size, candidates=_LINES)
    for metric, suffix in (("latency", ""), ("latency_near", "_near"), ("latency_far", "_far")):
        rows = usable(frame, "contention/global_atomic_latency", metric)
        for space, these, mechanism, size in _operations(rows, by=("function", "dtype")):
            yield accesses(these, keys("atomic_chase", f"{space}{suffix}", mechanism), {}, granule=size)


def _operations(rows: pd.DataFrame, by: tuple[str, ...]) -> Iterator[tuple[str, pd.DataFrame, str, float]]:
    """Place, rows, `atom.add.u32` and bytes of each operation that occurs."""
    if rows.empty:
        return
    for parts, these in rows[rows["dtype"].isin(list(_BYTES))].groupby(["source", *by], sort=True):
        source, *words_of = (str(part) for part in parts)
        mechanism = ".".join(words_of if len(words_of) == 3 else ["atom", *words_of])
        yield "shared" if source == "shared" else "l2", these, mechanism, float(_BYTES[words_of[-1]])
