"""The headline figures of a machine, and what the machine is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridstone.fit.cells import points, usable
from gridstone.fit.levels import levels
from gridstone.fit.pairwise import additive_pairs

if TYPE_CHECKING:
    import pandas as pd

# name: probe, metric, which of its cells, the axis values that narrow them
_HEADLINES: dict[str, tuple[str, str, str, dict[str, str]]] = {
    "latency_shared": ("latency/shared", "latency", "min", {"form": "address"}),
    "latency_constant": ("latency/constant", "latency", "min", {}),
    "latency_host_memory": ("latency/host_memory", "time", "min", {}),
    "latency_l2_near": ("latency/l2_by_sm", "latency_near", "median", {}),
    "latency_l2_far": ("latency/l2_by_sm", "latency_far", "median", {}),
    **{
        f"bandwidth_dram_{p}": ("bandwidth/dram", "bandwidth", "max", {"pattern": p})
        for p in ("read", "write", "copy", "scale", "triad")
    },
    "bandwidth_l2_read": ("bandwidth/l2", "bandwidth", "max", {"pattern": "read"}),
    "bandwidth_l2_write": ("bandwidth/l2", "bandwidth", "max", {"pattern": "write"}),
    "bandwidth_l1": ("bandwidth/l1", "bandwidth", "max", {}),
    "bandwidth_shared": ("bandwidth/shared", "bandwidth", "max", {}),
    **{
        f"bandwidth_copy_{d}": ("copy/host_device", "bandwidth", "max", {"direction": d, "method": "pinned"})
        for d in ("h2d", "d2h", "both")
    },
    "bandwidth_copy_device": ("copy/device", "bandwidth", "max", {}),
    "time_launch_submit": ("launch/kernel", "time", "min", {"method": "submit"}),
    "time_launch_round_trip": ("launch/kernel", "time", "min", {"method": "round_trip"}),
    "bandwidth_host_triad": ("host/stream", "bandwidth", "max", {"pattern": "triad"}),
    "latency_host": ("host/pointer_chase", "latency", "max", {}),
}


def facts(frame: pd.DataFrame, infos: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`identity`: device, UUIDs, hosts and run.json's record of them; `measured`: figures by name."""
    described = next((info for info in infos if info.get("gpu")), infos[0])
    identity = {
        "device": next(iter([*devices(frame, gpu=True), *devices(frame, gpu=False)]), None),
        "device_uuids": sorted(str(v) for v in frame["device_uuid"].dropna().unique()),
        "hosts": sorted(str(v) for v in frame["host"].dropna().unique()),
        "gpu": described.get("gpu"),
        "host": described.get("host"),
    }
    measured = {name: found for name, spec in _HEADLINES.items() if (found := _headline(frame, *spec))}
    return {"identity": identity, "measured": {**_clocks(frame), **_ladder(frame), **_pairs(frame), **measured}}


def devices(frame: pd.DataFrame, *, gpu: bool) -> list[str]:
    """The models of GPU, or of CPU, that the rows come from; only a GPU has a UUID."""
    rows = frame[frame["device_uuid"].notna() == gpu]
    return sorted(str(v) for v in rows["device"].dropna().unique())


def _headline(frame: pd.DataFrame, probe: str, metric: str, pick: str, axes: dict[str, str]) -> dict[str, Any]:
    rows = usable(frame, probe, metric, **axes).sort_values("value")
    if rows.empty:
        return {}
    row = rows.iloc[{"min": 0, "median": len(rows) // 2, "max": -1}[pick]]
    return _fact(row["value"], row["lo"], row["hi"], row["unit"], probe)


def _clocks(frame: pd.DataFrame) -> dict[str, Any]:
    found = {}
    for name, column in (("clock_sm", "sm_mhz"), ("clock_memory", "mem_mhz")):
        hz = 1e6 * frame.loc[frame["status"] == "ok", column].dropna()
        if len(hz):
            found[name] = _fact(hz.median(), hz.min(), hz.max(), "Hz", "all")
    return found


def _ladder(frame: pd.DataFrame) -> dict[str, Any]:
    rows = usable(frame, "latency/pointer_chase", "latency")
    if rows.empty:
        return {}
    curve = points(rows[rows["stride"] == rows["stride"].min()], ["footprint"])
    found = {}
    for level, footprint in levels(curve[:, 0], curve[:, 1]).items():
        _, value, lo, hi = curve[curve[:, 0] == footprint][0]
        found[f"latency_{level}"] = _fact(value, lo, hi, "cycle/hop", "latency/pointer_chase")
    return found


def _pairs(frame: pd.DataFrame) -> dict[str, Any]:
    """Loads between SMs: the level over all GPCs, and what the additive model is worth on held-out pairs."""
    rows = frame[(frame["probe"] == "dsm/latency_pair") & (frame["status"] == "ok")]
    model = additive_pairs(rows) if len(rows) else None
    if model is None:
        return {}
    probe, levels_of_gpcs = "dsm/latency_pair", model["level"]
    level = sum(levels_of_gpcs) / len(levels_of_gpcs)
    return {
        "latency_dsm": _fact(level, min(levels_of_gpcs), max(levels_of_gpcs), "cycle/hop", probe),
        "dsm_pairs_r2": _fact(model["r2"], model["r2"], model["r2"], "1", probe),
        "dsm_pairs_rms": _fact(model["rms"], model["rms"], model["rms"], "cycle", probe),
    }


def _fact(value: float, lo: float, hi: float, unit: str, probe: str) -> dict[str, Any]:
    return {"value": float(value), "lo": float(lo), "hi": float(hi), "unit": str(unit), "probe": probe}
