"""memory_time from the latency and bandwidth probes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.fit.cells import Sought, best, cells, points, usable
from gridstone.fit.levels import levels

if TYPE_CHECKING:
    import pandas as pd

NAME = "memory_time"
FORM = (
    "chase: cycles per dependent access over log working set and log granule; "
    "streams: larger of one access's latency and bytes / bandwidth(log working set)"
)
PROBES = (
    "latency/pointer_chase",
    "latency/shared",
    "latency/constant",
    "latency/readonly",
    "latency/texture",
    "latency/host_memory",
    "bandwidth/dram",
    "bandwidth/l2",
    "bandwidth/l1",
    "bandwidth/shared",
)

_STREAMED_ARRAYS = {"read": 1, "write": 1, "copy": 2, "scale": 2, "triad": 3}
# space: the axis values that narrow its probe, and the bytes between dependent accesses
_SPACES: dict[str, tuple[str, dict[str, str], float]] = {
    "shared": ("latency/shared", {"form": "address"}, 4.0),
    "constant": ("latency/constant", {}, 64.0),
    "readonly": ("latency/readonly", {}, 128.0),
    "texture": ("latency/texture", {}, 128.0),
    "host": ("latency/host_memory", {}, 128.0),
}


def sought(frame: pd.DataFrame) -> list[Sought]:
    """Ladders of dependent accesses, and streams by pattern."""
    ladder = _ladder(usable(frame, "latency/pointer_chase", "latency"))
    others = [
        _space(usable(frame, probe, "latency", **axes), space, granule)
        for space, (probe, axes, granule) in _SPACES.items()
    ]
    streams = [_stream(frame, pattern) for pattern in _STREAMED_ARRAYS]
    on_chip = [_on_chip(usable(frame, f"bandwidth/{space}", "bandwidth"), space) for space in ("l1", "shared")]
    return [law for law in (ladder, *others, *streams, *on_chip) if law is not None]


def _ladder(rows: pd.DataFrame) -> Sought | None:
    rows = rows[rows["sm_mhz"] > 0]
    if rows.empty:
        return None
    table = cells(rows, granule=rows["stride"], working_set=rows["footprint"])
    granule = float(table["granule"].min())
    curve = points(table[table["granule"] == granule], ["working_set"])
    typical = {level: [at, at] for level, at in levels(curve[:, 0], curve[:, 1]).items()}
    return _chase("global", ("granule", "working_set"), table, rows, granule, typical)


def _space(rows: pd.DataFrame, space: str, granule: float) -> Sought | None:
    rows = rows[rows["sm_mhz"] > 0]
    if rows.empty:
        return None
    table = cells(rows, working_set=rows["footprint"])
    typical = {space: [float(table["working_set"].min())] * 2}
    return _chase(space, ("working_set",), table, rows, granule, typical)


def _chase(
    space: str,
    axes: tuple[str, ...],
    table: pd.DataFrame,
    rows: pd.DataFrame,
    granule: float,
    typical: dict[str, list[float]],
) -> Sought:
    clock = float(rows["sm_mhz"].median()) * 1e6
    return Sought(
        keys={"pattern": "chase", "space": space},
        axes=axes,
        unit="cycle",
        cells=table,
        rises=True,
        free={"bytes": (granule, None)},
        parameters={"clock_hz": clock, "granule": granule, "levels": typical},
    )


def _stream(frame: pd.DataFrame, pattern: str) -> Sought | None:
    """Seconds per byte over the working set: the L2 probe's footprints, then the DRAM probe's arrays."""
    import pandas as pd

    l2 = usable(frame, "bandwidth/l2", "bandwidth", pattern=pattern)
    dram = usable(frame, "bandwidth/dram", "bandwidth", pattern=pattern)
    parts: list[pd.DataFrame] = []
    typical: dict[str, list[float]] = {}
    if len(l2):
        table = cells(l2, inverse=True, working_set=l2["footprint"])
        # Beyond the fastest footprint, one that is read again costs no less; below it, starting up counts.
        typical["l2"] = [float(table["working_set"].min()), float(table.loc[table["value"].idxmin(), "working_set"])]
        parts.append(table)
    if len(dram):
        table = cells(dram, inverse=True, working_set=_STREAMED_ARRAYS[pattern] * dram["bytes"])
        typical["dram"] = [float(table["working_set"].min()), float(table["working_set"].max())]
        parts.append(table)
    if not parts:
        return None
    return _rate({"pattern": pattern, "space": "global"}, ("working_set",), pd.concat(parts), typical)


def _on_chip(rows: pd.DataFrame, space: str) -> Sought | None:
    return _rate({"pattern": "read", "space": space}, (), cells(rows, inverse=True), {}) if len(rows) else None


def _rate(keys: dict[str, Any], axes: tuple[str, ...], table: pd.DataFrame, typical: dict[str, list[float]]) -> Sought:
    """A stream at its best access width, unrolling and occupancy, proportional to the bytes that it moves."""
    fastest = best(table, axes)
    smallest = float(np.min(fastest["working_set"])) if axes else 1.0
    return Sought(
        keys=keys,
        axes=axes,
        unit="s/B",
        cells=fastest,
        candidates=("loglog", "cubic", "harmonic"),
        free={"bytes": (smallest, None)},
        parameters={"levels": typical},
    )
