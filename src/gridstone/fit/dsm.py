"""memory_time of distributed shared memory: what a block pays for the shared memory of another of its cluster."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.fit.access import accesses, bytes_moved, keys
from gridstone.fit.cells import USED_STATUS, Sought, usable, words
from gridstone.fit.pairwise import additive_pairs

if TYPE_CHECKING:
    import pandas as pd

PROBES = (
    "dsm/latency_pair",
    "dsm/latency_by_size",
    "dsm/access",
    "dsm/round_trip",
    "dsm/throughput",
    "dsm/write_throughput",
)

_LOADED, _ADDED = 8.0, 4.0  # bytes of the chained load and of the chained atomic
# Exponents of cluster size, granule and unrolling: a block's own port, and one port that all of a cluster ask.
_PORTS = ((0, 0, 0), (1, 0, 0))
# Of cluster size and granule: the same, and what each copy costs whatever its size.
_WRITTEN = ((0, 0), (1, 0), (0, -1))


def sought(frame: pd.DataFrame) -> list[Sought | None]:
    """Loads and atomics one after the other, round trips, and what all blocks read and write by pattern."""
    atomics = usable(frame, "dsm/access", "latency", source="remote", function="atomic_add")
    return [
        _loads(frame),
        accesses(atomics, keys("atomic_chase", "dsm", "atom.add.u32"), {}, granule=_ADDED),
        *_round_trips(usable(frame, "dsm/round_trip", "latency")),
        *_streams(frame),
        *_writes(frame),
    ]


def _loads(frame: pd.DataFrame) -> Sought | None:
    """Over the cluster size, which hardly matters, with the model of the pairs beside it, which do."""
    of_pairs = frame[(frame["probe"] == "dsm/latency_pair") & (frame["status"] == USED_STATUS)]
    pairs = additive_pairs(of_pairs) if len(of_pairs) else None
    known: dict[str, Any] = {"pairs": pairs} if pairs else {}
    by_size = usable(frame, "dsm/latency_by_size", "latency")
    if len(by_size):
        axes = {"cluster_size": by_size["cluster_size"].to_numpy(float)}
        law = accesses(by_size, keys("chase", "dsm"), axes, granule=_LOADED, parameters=known)
    else:
        law = accesses(
            usable(frame, "dsm/latency_pair", "latency"), keys("chase", "dsm"), {}, granule=_LOADED, parameters=known
        )
    return replace(law, beside=("dsm/latency_pair",)) if law and pairs else law


def _round_trips(rows: pd.DataFrame) -> list[Sought | None]:
    """There and back: bulk copies of several sizes, and signals of one."""
    found = []
    for function in words(rows, "function"):
        these = rows[rows["function"] == function]
        sizes = these["bytes"].unique()
        axes, granule = ({}, float(sizes[0])) if len(sizes) == 1 else ({"granule": these["bytes"].to_numpy()}, None)
        law = accesses(
            these, keys("round_trip", "dsm", function), axes, granule=granule, candidates=("affine", "loglog", "cubic")
        )
        found.append(law)
    return found


def _streams(frame: pd.DataFrame) -> list[Sought | None]:
    """Seconds per byte of one resident block that reads, over cluster size, bytes per load, and loads in flight."""
    rows, resident = _resident(frame, "dsm/throughput")
    return [
        bytes_moved(
            these,
            keys(pattern, "dsm"),
            _of(these, cluster_size="cluster_size", granule="vector", unroll="unroll"),
            factor=resident[here],
            terms=_PORTS,
            parameters=_held(these, resident[here]),
        )
        for pattern in words(rows, "pattern")
        for here in [(rows["pattern"] == pattern).to_numpy()]
        for these in [rows[here]]
    ]


def _writes(frame: pd.DataFrame) -> list[Sought | None]:
    """The same of one that writes, by what carries the bytes, over cluster size and bytes of a store or copy."""
    rows, resident = _resident(frame, "dsm/write_throughput")
    found = []
    for function in words(rows, "function"):
        for pattern in words(rows[rows["function"] == function], "pattern"):
            here = ((rows["function"] == function) & (rows["pattern"] == pattern)).to_numpy()
            these = rows[here]
            axes = _of(these, cluster_size="cluster_size", granule="bytes")
            law = bytes_moved(
                these,
                keys(pattern, "dsm", function),
                axes,
                factor=resident[here],
                terms=_WRITTEN,
                parameters=_held(these, resident[here]),
            )
            found.append(law)
    return found


def _resident(frame: pd.DataFrame, probe: str) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows of a throughput of clusters, and how many blocks were resident in each.

    One block's rate changes slowly with the cluster size; the GPU's follows how many clusters fit it, which jumps. That
    number is known and no matter of time, so it is kept beside the law.
    """
    rows = usable(frame, probe, "bandwidth")
    if rows.empty:
        return rows, np.empty(0)
    held = usable(frame, probe, "clusters").set_index(["run_id", "cell_id"])["value"]
    clusters = held.reindex(rows.set_index(["run_id", "cell_id"]).index).to_numpy(float)
    known = np.isfinite(clusters)
    return rows[known], clusters[known] * rows["cluster_size"].to_numpy(float)[known]


def _held(rows: pd.DataFrame, resident: np.ndarray) -> dict[str, dict[str, float]]:
    sizes = rows["cluster_size"].to_numpy(int)
    return {"blocks": {str(size): float(np.median(resident[sizes == size])) for size in np.unique(sizes)}}


def _of(rows: pd.DataFrame, **axes: str) -> dict[str, np.ndarray]:
    return {name: rows[column].to_numpy(float) for name, column in axes.items()}
