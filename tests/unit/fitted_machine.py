"""A machine whose true laws are known, measured with a little noise into a run on disk."""

from __future__ import annotations

import atexit
import math
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from gridstone.fit import fit
from gridstone.store import Row, Run
from gridstone.store.schema import table

SM_HZ, H2D_LATENCY, H2D_BANDWIDTH = 1.98e9, 6e-6, 55e9
NODE, GRAPH_START = 1.2e-6, 2.5e-6
NOISE = 0.002


def chase_cycles(footprint: float) -> float:
    """L1 at 33, L2 at 260, DRAM at 820 cycles, with soft steps at 200 KiB and 40 MiB."""

    def step(at: float) -> float:
        return 1 / (1 + (at / footprint) ** 4)

    return 33 * (260 / 33) ** step(200 * 2**10) * (820 / 260) ** step(40 * 2**20)


def stream_bandwidth(working_set: float) -> float:
    """5.5 TB/s in L2, 4.4 TB/s beyond."""
    return 5.5e12 * (4.4 / 5.5) ** (1 / (1 + (60 * 2**20 / working_set) ** 2))


def h2d_time(size: float) -> float:
    """A latency, a slower protocol below 64 KiB, and the link."""
    return H2D_LATENCY + min(size, 2**16) / 12e9 + max(0.0, size - 2**16) / H2D_BANDWIDTH


def graph_time(nodes: float) -> float:
    """A start and a cost per node."""
    return GRAPH_START + NODE * nodes


def host_stream_bandwidth(threads: float) -> float:
    """Saturates with threads."""
    return 12e9 * threads / (1 + threads / 8)


def geometric(low: int, high: int, per_octave: int) -> list[int]:
    """Whole numbers from low to high, evenly spaced in the logarithm."""
    count = round(math.log2(high / low) * per_octave)
    return [round(low * 2 ** (i / per_octave)) for i in range(count + 1)]


GPU_CELLS: dict[str, list[tuple[Mapping[str, Any], str, str, float]]] = {
    "latency/pointer_chase": [
        ({"footprint": f, "stride": 128}, "latency", "cycle/hop", chase_cycles(f)) for f in geometric(1024, 2**30, 4)
    ],
    "latency/shared": [
        ({"footprint": f, "form": form}, "latency", "cycle/hop", cycles)
        for form, cycles in (("address", 23.0), ("index", 29.0))
        for f in geometric(1024, 2**15, 1)
    ],
    "bandwidth/l2": [
        ({"pattern": p, "footprint": f}, "bandwidth", "B/s", stream_bandwidth(f))
        for p in ("read", "write")
        for f in geometric(2**20, 2**27, 2)
    ],
    "bandwidth/dram": [
        (
            {"pattern": p, "bytes": b, "vector": v},
            "bandwidth",
            "B/s",
            stream_bandwidth({"copy": 2}.get(p, 1) * b) * (0.8 if v == 4 else 1),
        )
        for p in ("read", "write", "copy")
        for b in (2**28, 2**30, 2**33)
        for v in (4, 16)
    ],
    "bandwidth/l1": [({"vector": 16, "warps": 32}, "bandwidth", "B/s", 33e12)],
    "copy/host_device": [
        ({"direction": d, "method": m, "bytes": b}, "bandwidth", "B/s", n * b / (s * h2d_time(b)))
        for d, m, n, s in (("h2d", "pinned", 1, 1), ("h2d", "pageable", 1, 2), ("d2h", "pinned", 1, 1.05))
        for b in geometric(4, 2**30, 1)
    ]
    + [
        (
            {"direction": "both", "method": "pinned", "bytes": b},
            "bandwidth",
            "B/s",
            2 * b / (1.1 * h2d_time(b)),
        )
        for b in geometric(4, 2**30, 1)
    ],
    "copy/mapped": [
        ({"direction": d, "bytes": b}, "bandwidth", "B/s", b / (1.5 * h2d_time(b)))
        for d in ("h2d", "d2h")
        for b in geometric(4, 2**30, 1)
    ],
    "copy/device": [({"bytes": b}, "bandwidth", "B/s", 2 * b / (2e-6 + b / 2e12)) for b in geometric(4096, 2**32, 1)],
    "launch/kernel": [
        ({"library": "cupy", "method": "submit"}, "time", "s", 2.1e-6),
        ({"library": "cupy", "method": "round_trip"}, "time", "s", 7.5e-6),
    ],
    "launch/graph": [({"count": n, "method": "linear"}, "time", "s", graph_time(n)) for n in geometric(1, 1024, 1)],
    "launch/sync": [({"method": "stream_synchronize"}, "time", "s", 1.1e-6)],
}
HOST_CELLS: dict[str, list[tuple[Mapping[str, Any], str, str, float]]] = {
    "host/stream": [
        ({"pattern": p, "threads": t, "bytes": 2**28}, "bandwidth", "B/s", host_stream_bandwidth(t))
        for p in ("copy", "triad")
        for t in (1, 2, 4, 8, 16, 32)
    ],
    "host/gather": [
        ({"row_bytes": r, "threads": t, "footprint": 2**28}, "bandwidth", "B/s", r * t / (8e-8 + r / 1e10))
        for r in (64, 128, 256, 512, 1024)
        for t in (1, 2, 4, 8)
    ],
    "host/pointer_chase": [
        ({"footprint": f}, "latency", "s/hop", 1e-9 * chase_cycles(f) / 10) for f in geometric(4096, 2**28, 2)
    ],
    "host/memcpy": [
        ({"bytes": b, "threads": t}, "bandwidth", "B/s", b / (2e-7 + b / (9e9 * t)))
        for b in geometric(2**12, 2**28, 1)
        for t in (1, 2, 4)
    ],
    "host/file": [
        ({"method": m, "tier": "page_cache", "bytes": b}, "bandwidth", "B/s", b / (2e-5 + b / 4e9))
        for m in ("write", "read")
        for b in geometric(2**12, 2**28, 1)
    ],
}


def write_run(
    folder: Path,
    cells: Mapping[str, Iterable[tuple[Mapping[str, Any], str, str, float]]],
    *,
    device: str | None = "Test GPU",
    uuid: str | None = "GPU-1",
    host: str = "node1",
    cpu: str = "Test CPU",
    seed: int = 0,
    bias: float = 1.0,
    status: str = "ok",
) -> Path:
    """A run of `cells`, each value times `bias` and its own noise; returns the folder."""
    rng = np.random.default_rng(seed)
    run_id = f"run-{host}-{uuid}-{seed}"
    gpu = {"name": device, "uuid": uuid, "driver": "580.1", "cuda_driver": "13.0", "multiprocessors": 132}
    Run(folder).write_info(
        {
            "run_id": run_id,
            "gridstone": {"version": "0.1.0", "revision": "abc", "dirty": False},
            "gpu": gpu if device else None,
            "host": {"cpu_model": cpu},
            "packages": {"numpy": "2.0"},
            "plan": ["not for a model"],
        }
    )
    for probe, entries in cells.items():
        rows = []
        on_gpu = device is not None and not probe.startswith("host/")
        numbers: dict[tuple[Any, ...], int] = {}  # metrics of the same axes are one cell's
        for axes, metric, unit, truth in entries:
            number = numbers.setdefault(tuple(sorted(axes.items())), len(numbers))
            value = truth * bias * float(np.exp(NOISE * rng.standard_normal()))
            rows.append(
                Row(
                    run_id=run_id,
                    probe=probe,
                    cell_id=f"{probe}-{number}",
                    metric=metric,
                    unit=unit,
                    better="lower",
                    axes=axes,
                    status=status,
                    value=value,
                    lo=value * (1 - NOISE),
                    hi=value * (1 + NOISE),
                    n=11,
                    samples=[value],
                    sm_mhz=SM_HZ / 1e6 if on_gpu else None,
                    power_w=300.0 if on_gpu else None,
                    device=device if on_gpu else cpu,
                    device_uuid=uuid if on_gpu else None,
                    host=host,
                )
            )
        path = folder / f"{probe}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(rows), path)
    return folder


@cache
def model_folder() -> Path:
    """The model of one run of the machine, fitted once per test session."""
    root = Path(tempfile.mkdtemp(prefix="gridstone-model-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    write_run(root / "run", {**GPU_CELLS, **HOST_CELLS})
    fit([root / "run"], root / "model")
    return root / "model"
