"""memory_time: ladders of dependent accesses and streams here; its other laws by the family that measured them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit import contention, dsm, tma
from gridstone.fit.access import accesses, bytes_moved, keys
from gridstone.fit.cells import Sought, cells, joined, points, usable
from gridstone.fit.levels import levels

if TYPE_CHECKING:
    import pandas as pd

NAME = "memory_time"
FORM = (
    "one after the other: cycles per access over log working set and log granule, or over what else decides it; "
    "streams: larger of one access's latency and bytes / bandwidth(log working set); "
    "by mechanism: Little's law over the bytes under way; strides: a line over the passes that they cost"
)
PROBES = (
    "latency/pointer_chase",
    "latency/l2_by_sm",
    "latency/shared",
    "latency/constant",
    "latency/readonly",
    "latency/texture",
    "latency/host_memory",
    "cache/constant_capacity",
    "bandwidth/dram",
    "bandwidth/l2",
    "bandwidth/l1",
    "bandwidth/shared",
    *dsm.PROBES,
    *tma.PROBES,
    *contention.PROBES,
)

_STREAMED_ARRAYS = {"read": 1, "write": 1, "copy": 2, "scale": 2, "triad": 3}
_LINE = 128.0
# space: the probes of its ladder, the axis values that narrow them, and the bytes between dependent accesses
_SPACES: dict[str, tuple[tuple[str, ...], dict[str, str], float]] = {
    "shared": (("latency/shared",), {"form": "address"}, 4.0),
    "constant": (("latency/constant", "cache/constant_capacity"), {}, 64.0),
    "readonly": (("latency/readonly",), {}, _LINE),
    "texture": (("latency/texture",), {}, _LINE),
    "host": (("latency/host_memory",), {}, _LINE),
}


def sought(frame: pd.DataFrame) -> list[Sought]:
    """Ladders of dependent accesses, streams by pattern, and what the fabric's families measured."""
    laws = [
        _ladder(usable(frame, "latency/pointer_chase", "latency")),
        *(_space(frame, space) for space in _SPACES),
        *(_by_side(frame, side) for side in ("near", "far")),
        *(_stream(frame, pattern) for pattern in _STREAMED_ARRAYS),
        *(_on_chip(frame, space) for space in ("l1", "shared")),
        *dsm.sought(frame),
        *tma.sought(frame),
        *contention.sought(frame),
    ]
    return [law for law in laws if law is not None]


def _ladder(rows: pd.DataFrame) -> Sought | None:
    rows = rows[rows["sm_mhz"] > 0]
    if rows.empty:
        return None
    granule = float(rows["stride"].min())
    finest = rows[rows["stride"] == granule]
    curve = points(cells(finest, working_set=finest["footprint"]), ["working_set"])
    typical = {level: [at, at] for level, at in levels(curve[:, 0], curve[:, 1]).items()}
    axes = {"granule": rows["stride"].to_numpy(float), "working_set": rows["footprint"].to_numpy(float)}
    return accesses(rows, keys("chase", "global"), axes, granule=granule, rises=True, parameters={"levels": typical})


def _space(frame: pd.DataFrame, space: str) -> Sought | None:
    probes, narrowed, granule = _SPACES[space]
    rows = joined([usable(frame, probe, "latency", **narrowed) for probe in probes])
    if rows.empty:
        return None
    working_set = rows["footprint"].to_numpy(float)
    typical = {space: [float(working_set.min())] * 2}
    axes = {"working_set": working_set}
    return accesses(rows, keys("chase", space), axes, granule=granule, rises=True, parameters={"levels": typical})


def _by_side(frame: pd.DataFrame, side: str) -> Sought | None:
    """L2 in the partition of the SM that asks, or across: one number, of which the SMs are samples."""
    rows = usable(frame, "latency/l2_by_sm", f"latency_{side}")
    return accesses(rows, keys("chase", f"l2_{side}"), {}, granule=_LINE)


def _stream(frame: pd.DataFrame, pattern: str) -> Sought | None:
    """Seconds per byte over the working set: the L2 probe's footprints, then the DRAM probe's arrays."""
    l2 = usable(frame, "bandwidth/l2", "bandwidth", pattern=pattern)
    dram = usable(frame, "bandwidth/dram", "bandwidth", pattern=pattern)
    if len(l2):
        l2 = l2.assign(_working_set=l2["footprint"])
    if len(dram):
        dram = dram.assign(_working_set=_STREAMED_ARRAYS[pattern] * dram["bytes"])
    rows = joined([l2, dram])
    if rows.empty:
        return None
    typical: dict[str, list[float]] = {}
    if len(l2):
        # Beyond the fastest footprint, one that is read again costs no less; below it, starting up counts.
        fastest = float(l2.loc[l2["value"].idxmax(), "_working_set"])
        typical["l2"] = [float(l2["_working_set"].min()), fastest]
    if len(dram):
        typical["dram"] = [float(dram["_working_set"].min()), float(dram["_working_set"].max())]
    working_set = rows["_working_set"].to_numpy(float)
    return bytes_moved(
        rows,
        keys(pattern, "global"),
        {"working_set": working_set},
        candidates=("loglog", "cubic", "harmonic"),
        least=float(working_set.min()),
        parameters={"levels": typical},
    )


def _on_chip(frame: pd.DataFrame, space: str) -> Sought | None:
    return bytes_moved(
        usable(frame, f"bandwidth/{space}", "bandwidth"), keys("read", space), {}, parameters={"levels": {}}
    )
