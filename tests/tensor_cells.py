"""Plausible values for every standard cell of the tensor families, made from their own declarations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from synthetic import Factory, Truth

from gridstone.declaration import Value
from gridstone.plan.catalogue import load_probes
from gridstone.store import Run, write_atomically
from gridstone.store.schema import table

FAMILIES = ("wgmma", "fp8", "power")
WATTS = {"zeros": 350.0, "sparse_bits": 420.0, "one_binade": 560.0, "uniform": 640.0, "normal": 690.0}


def tensor_run(folder: Path, *, flaws: bool = False, probes: tuple[str, ...] = (), profile: str = "standard") -> Path:
    """Write a run with the cells of `probes`, all of the families by default, and return its folder."""
    factory = Factory(run_id="tensor", seed=3, gpu=True, hostile=False, flaws=flaws)
    run = folder / "tensor"
    for probe in load_probes():
        if probe.family not in FAMILIES or (probes and probe.name not in probes):
            continue
        rows = [
            row for axes in probe.points(profile) for row in factory.rows(probe.name, axes, list(truths(probe, axes)))
        ]
        arrow = table(rows)
        write_atomically((run / probe.name).with_suffix(".parquet"), lambda path, t=arrow: pq.write_table(t, path))
    gpu = {"name": "NVIDIA H200", "compute_capability": [9, 0]}
    Run(run).write_info({"run_id": "tensor", "status": "complete", "host": {}, "gpu": gpu})
    return run


def truths(probe: Any, axes: dict[str, Value]) -> Iterator[Truth]:
    """A truth per metric."""
    for metric in probe.metrics:
        if metric.name in ("power", "energy") and axes["regime"] == "burst":
            continue
        value, limit = _value(metric.name, axes)
        yield Truth(
            metric=metric.name, unit=metric.unit, better=metric.better, value=value, limit=limit, limit_kind="x"
        )


def _value(metric: str, axes: dict[str, Value]) -> tuple[float, float | None]:
    n = float(axes.get("tile_n", 256))
    watts = WATTS[str(axes.get("operands", "normal"))]
    if metric == "issue_interval":
        return max(n / 2, 18.0), None
    if metric == "latency":
        return 20 + n / 2 if "tile_n" in axes else 5.0, None
    if metric == "throughput":
        return (60.0, 128.0) if "function" in axes else (4050.0, 4096.0)
    if metric == "rate":
        return 950e12 * (500 / watts if axes.get("regime") == "sustained" else 1), 1000e12
    if metric == "power":
        return watts, None
    return (watts / 800e12, None) if metric == "energy" else (13.0 if "e4m3" in axes.values() else 22.0, None)
