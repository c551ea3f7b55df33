"""Rows of the probes of the host link as a machine with known laws would give them, for every standard cell."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from gridstone.declaration import Probe
from gridstone.model.lines import Touched, touched
from gridstone.model.wire import HEADER, typical, wire
from gridstone.plan.catalogue import load_probes

COSTS = {"header": HEADER, "request": 70.0, "half": 20.0}
LINK = 58e9
ENGINE, LIMIT = 55e9, 63e9
SLOWDOWN = {("stream", "gemv"): 1.9, ("gemv", "stream"): 1.8, ("gather", "h2d"): 2.1, ("h2d", "gather"): 1.7}
_ORDER = np.random.default_rng(5).permutation(4096)


def link_rows(families: tuple[str, ...] = ("gather", "scatter", "duplex", "corun")) -> pd.DataFrame:
    """A frame as `gridstone.load` gives it, all cells ok, intervals of half a per cent to either side."""
    listed = []
    for probe in load_probes():
        if probe.family not in families:
            continue
        for axes in probe.points("standard"):
            identity = hashlib.sha256(f"{probe.name}{sorted(axes.items())}".encode()).hexdigest()[:16]
            truths = _truths(probe, axes)
            for metric in probe.metrics:
                value = truths[metric.name]
                listed.append(
                    {
                        "run_id": "r",
                        "probe": probe.name,
                        "cell_id": identity,
                        "metric": metric.name,
                        "unit": metric.unit,
                        "better": metric.better,
                        **axes,
                        "status": "ok",
                        "reason": None,
                        "value": value,
                        "lo": value * 0.995,
                        "hi": value * 1.005,
                        "n": 15,
                        "limit": LIMIT if metric.name == "bandwidth" else None,
                        "limit_kind": "PCIe 5 x16" if metric.name == "bandwidth" else None,
                        "device_uuid": "GPU-0",
                        "host": "node",
                    }
                )
    return pd.DataFrame(listed)


def _truths(probe: Probe, axes: Mapping[str, Any]) -> dict[str, float]:
    name = probe.name
    if name == "gather/device":
        return {"bandwidth": 2e12, "bandwidth_wire": 2.1e12, "bandwidth_lines": 2.2e12}
    if name == "gather/epoch":
        rate = {"staged": 18e9, "device": 2e12, "plain": 38e9}.get(axes["method"], 50e9)
        times = {"time": 1.2e8 / rate, "time_products": 1e-3, "time_both": 1.2e8 / rate + 3e-4}
        times["time_epoch"] = times["time"] * (1 << axes["bits"]) / 1024
        return {**times, "hidden": 7e-4 * rate / 1.2e8, "bandwidth": rate}
    if name.startswith("gather/") and probe.source is not None:
        return _in_place(axes)
    if name == "gather/staged":
        per_row = 200e-9 / axes["threads"] + axes["row_bytes"] / min(30e9, 8e9 * axes["threads"])
        if axes["method"] == "single":
            per_row += axes["row_bytes"] / ENGINE
        return {"bandwidth": axes["row_bytes"] / per_row, "time": 1e-3}
    if name == "gather/copies":
        call = {"per_row": 1.6e-6, "batch": 0.7e-6, "strided": 0.05e-6}[axes["method"]]
        return {"bandwidth": 1 / (call / axes["row_bytes"] + 1 / ENGINE), "time_call": 1e-3}
    if name == "gather/boxes":
        return {"bandwidth": 40e9 if axes["method"] == "2d" else 30e9, "time_call": 1e-4}
    if name == "gather/cpu":
        return {"bandwidth": axes["row_bytes"] * axes["threads"] / 80e-9, "time": 80e-9}
    if probe.family == "scatter":
        axes = {"count": 256, **axes}
        call = {"per_block": 1.8e-6 / axes.get("threads", 1) ** 0.5, "batch": 0.8e-6, "packed": 0.1e-6, "kernel": 0.0}
        top = 51.2e9 if axes["method"] == "kernel" else ENGINE
        per_block = max(call[axes["method"]] / axes.get("group", 1), axes["block"] / top) + 5e-6 / axes["count"]
        ways = 1.8 if axes["direction"] == "both" else 1.0
        return {
            "bandwidth": ways * axes["block"] / per_block,
            "time": per_block * axes["count"],
            "time_block": per_block / ways,
        }
    if name == "duplex/link":
        both = "none" not in (axes["h2d"], axes["d2h"])
        rates = [0.0 if axes[way] == "none" else ENGINE * (0.85 if both else 1.0) for way in ("h2d", "d2h")]
        return {"bandwidth": sum(rates), "bandwidth_h2d": rates[0], "bandwidth_d2h": rates[1]}
    if probe.family == "corun":
        return _slowdowns(axes)
    return {metric.name: 1e9 if metric.better == "higher" else 1.5e-6 for metric in probe.metrics}


def row_time(method: str, row_bytes: int, align: int, vector: int | None = None) -> float:
    """Seconds of a row out of a table within reach; by default loaded as the model takes it to be."""
    if row_bytes % 4 or align % 4:  # elements of a byte or two: as slow as so many words
        row_bytes, align, vector = -(-row_bytes // 4) * 4, align // 4 * 4, 4
    return wire(typical(method, row_bytes, align, vector), COSTS) / LINK


def _in_place(axes: Mapping[str, Any]) -> dict[str, float]:
    row_bytes = axes.get("row_bytes", 4096)
    method = axes["method"].removesuffix("_lines")
    align = axes.get("align", 0)
    asked = touched(method, row_bytes=row_bytes, vector=axes["vector"], order=_ORDER[:64], align=align)
    if method != axes["method"]:
        asked = Touched(requests=asked.lines, sectors=4 * asked.lines, lines=asked.lines)
    seconds = row_time(axes["method"], row_bytes, align, axes["vector"])
    if "sms" in axes:
        seconds = max(
            seconds, row_bytes * 1.2e-6 / (axes["sms"] * axes["warps"] * axes["unroll"] * 32 * axes["vector"])
        )
    return {
        "bandwidth": row_bytes / seconds,
        "bandwidth_wire": asked.wire_bytes / seconds,
        "bandwidth_lines": 128 * asked.requests / seconds,
    }


def _slowdowns(axes: Mapping[str, Any]) -> dict[str, float]:
    names = axes["kinds"].split("+") if "kinds" in axes else [axes["kind"], axes["beside"]]
    found = []
    for place, name in enumerate(names):
        others = [other for i, other in enumerate(names) if i != place]
        worst = max(SLOWDOWN.get(pair, 1.005) for pair in itertools.product([name], others))
        share = axes.get("split", 50) if place == 0 else 100 - axes.get("split", 50)
        found.append(1 + (worst - 1) * share / 50)
    return dict(zip(("slowdown", "slowdown_beside", "slowdown_third"), found, strict=False))
