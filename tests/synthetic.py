"""A plausible run on disk without a GPU: every probe of this release, H200 numbers with noise, some cells bad."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from gridstone.declaration import Value
from gridstone.store import Row, Run, write_atomically
from gridstone.store.schema import table

KIB, MIB, GIB = 2**10, 2**20, 2**30
DRAM_PEAK = 4.8e12
PCIE_PEAK = 63.015e9
SMS = 132
GPU = "NVIDIA H200"
CPU = "Synthetic CPU @ 3.0 GHz"
UUID = "GPU-5d1c7a4e-0000-4000-8000-3f2a9b8c7d6e"
NO_GPU = "no NVIDIA GPU found"
# (every so many cells, their status, its reason)
FATES = (
    (211, "crashed", "killed by signal 11 (SIGSEGV)"),
    (173, "timeout", "no answer within 60 s"),
    (149, "unverified", "the result differs from the reference"),
    (131, "skipped", "needs 1 TiB of memory, this machine has 512 GiB"),
    (89, "throttled", "the GPU slowed itself while sampling: sw_power_cap"),
    (61, "impossible", "beyond its limit"),
)
HOSTILE = "</style></script><script>alert('x')</script>\"&' $x^2$ <img src=x onerror=alert(1)>"


@dataclass(frozen=True, kw_only=True)
class Truth:
    """What a cell's metric really is, before noise: unit, direction, value, and its limit if it has one."""

    metric: str
    unit: str
    better: str
    value: float
    limit: float | None = None
    limit_kind: str | None = None


Cells = Iterator[tuple[str, dict[str, Value], list[Truth]]]


@dataclass(kw_only=True)
class Factory:
    """Turns truths into rows with noisy samples; one in many cells is skipped, crashed, throttled or impossible."""

    run_id: str
    seed: int
    gpu: bool
    hostile: bool
    flaws: bool
    _rng: np.random.Generator = field(init=False)
    _clock: int = 0

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def rows(self, probe: str, axes: Mapping[str, Value], truths: list[Truth]) -> list[Row]:
        on_gpu = self.gpu and not probe.startswith("host/")
        self._clock += 1
        status, reason = self._fate(probe, any(truth.limit for truth in truths))
        identity = hashlib.sha256(f"{probe}{sorted(axes.items())}".encode()).hexdigest()[:16]
        mhz = float(np.round(self._rng.normal(1965, 8))) if on_gpu else None
        made = []
        for truth in truths:
            row = Row(
                run_id=self.run_id,
                probe=probe,
                cell_id=identity,
                metric=truth.metric,
                unit=truth.unit,
                better=truth.better,
                axes=axes,
                status=status,
                reason=reason,
                device=self._device() if on_gpu else CPU,
                device_uuid=UUID if on_gpu else None,
                host=HOSTILE if self.hostile else "node-7",
                t_utc=f"2026-11-24T10:{self._clock // 60 % 60:02d}:{self._clock % 60:02d}.000+00:00",
                kernel_sha256=identity * 4 if on_gpu else None,
                sass_ok=True if on_gpu else None,
                verified=True,
                wall_s=0.1,
                overhead_s=0.01,
            )
            made.append(row if status in ("skipped", "crashed", "timeout") else self._measured(row, truth, mhz))
        return made

    def _device(self) -> str:
        return HOSTILE if self.hostile else GPU

    def _measured(self, row: Row, truth: Truth, mhz: float | None) -> Row:
        value = truth.value * (0.93 if row.status == "throttled" else 1.0)
        if row.status == "impossible" and truth.limit is not None:
            value = 1.2 * truth.limit
        samples = value * (1 + self._rng.normal(0, 0.004, 15))
        middle, half = float(np.median(samples)), 2.46 * float(np.std(samples)) / math.sqrt(samples.size)
        return replace(
            row,
            value=middle,
            lo=middle - half,
            hi=middle + half,
            n=samples.size,
            samples=samples.tolist(),
            limit=truth.limit,
            limit_kind=truth.limit_kind,
            sm_mhz=mhz,
            mem_mhz=None if mhz is None else 3201.0,
            power_w=None if mhz is None else float(self._rng.normal(330, 40)),
            temperature_c=None if mhz is None else float(self._rng.integers(34, 52)),
            throttle=None if mhz is None else ("sw_power_cap" if row.status == "throttled" else ""),
        )

    def _fate(self, probe: str, limited: bool) -> tuple[str, str | None]:
        on_gpu = not probe.startswith("host/")
        if on_gpu and not self.gpu:
            return "skipped", NO_GPU
        said = f" {HOSTILE}" if self.hostile else ""
        for every, fate, reason in FATES if self.flaws else ():
            possible = limited if fate == "impossible" else on_gpu or fate != "throttled"
            if possible and self._clock % every == every - 1:
                return fate, reason + said
        return "ok", None


def synthetic_run(
    folder: Path,
    *,
    run_id: str = "20261124T100000Z-node-7-beef",
    seed: int = 7,
    gpu: bool = True,
    hostile: bool = False,
    flaws: bool = True,
    probes: tuple[str, ...] = (),
    info: Mapping[str, Any] | None = None,
) -> Path:
    """Write a compacted run below `folder` and return its folder.

    probes: only these; all by default. gpu=False: every GPU cell is skipped, as on a machine without one.
    hostile: device, host, reasons and a word axis carry markup. info: replaces run.json entirely.
    """
    factory = Factory(run_id=run_id, seed=seed, gpu=gpu, hostile=hostile, flaws=flaws)
    rows: dict[str, list[Row]] = {}
    for probe, axes, truths in _all_cells():
        if not probes or probe in probes:
            if hostile and "method" in axes and probe == "launch/sync":
                axes["method"] = f"{axes['method']} {HOSTILE}"
            rows.setdefault(probe, []).extend(factory.rows(probe, axes, truths))
    run = folder / run_id
    for probe, listed in rows.items():
        arrow = table(listed)
        write_atomically((run / probe).with_suffix(".parquet"), lambda path, t=arrow: pq.write_table(t, path))
    Run(run).write_info(_info(run_id, gpu) if info is None else info)
    return run


def _info(run_id: str, gpu: bool) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "status": "complete",
        "started_utc": "2026-11-24T10:00:00+00:00",
        "updated_utc": "2026-11-24T10:03:41+00:00",
        "request": {"seed": 7, "probes": [], "profile": "standard", "axes": []},
        "gridstone": {"version": "0.1.0", "revision": "0123456789abcdef0123", "dirty": False},
        "host": {
            "hostname": "node-7",
            "cpu_model": CPU,
            "sockets": 2,
            "cores_usable": 16,
            "memory_bytes": 512 * GIB,
            "kernel": "6.8.0",
            "os": "Debian GNU/Linux 12",
        },
        "no_gpu": None if gpu else NO_GPU,
        "gpu": {
            "name": GPU,
            "uuid": UUID,
            "compute_capability": [9, 0],
            "driver": "580.82.07",
            "cuda_driver": "13.0",
            "vbios": "96.00.B7.00.01",
            "memory_bytes": 150_754_820_096,
            "memory_bus_bits": 6144,
            "ecc": True,
            "mig": False,
            "pcie_gen_now": 5,
            "pcie_width_now": 16,
            "pcie_gen_max": 5,
            "pcie_width_max": 16,
            "power_limit_w": 700.0,
            "sm_mhz_max": 1980,
            "mem_mhz_max": 3201,
            "multiprocessors": SMS,
            "l2_bytes": 60 * MIB,
            "arch": "sm_90a",
        }
        if gpu
        else None,
        "packages": {"numpy": "2.5.0", "cupy-cuda13x": "14.2.0"},
    }


def _all_cells() -> Cells:
    yield from _latency()
    yield from _bandwidth()
    yield from _launch()
    yield from _copy()
    yield from _host()
    from synthetic_tma import tma_cells  # it draws on this file

    yield from tma_cells()


def _latency() -> Cells:
    for footprint in _octaves(KIB, GIB, 8):
        yield "latency/pointer_chase", {"footprint": footprint, "stride": 128}, _per_hop(ladder(footprint))
    for stride in (64 * KIB, 2 * MIB):
        for footprint in _octaves(8 * stride, GIB, 2):
            extra = 60 * _soft(footprint, 256 * MIB)
            yield (
                "latency/pointer_chase",
                {"footprint": footprint, "stride": stride},
                _per_hop(ladder(footprint) + extra),
            )
    rng = np.random.default_rng(3)
    for sm in range(0, SMS, 4):
        near, far = 205 + rng.normal(0, 5), 408 + rng.normal(0, 9)
        share = Truth(metric="near_share", unit="1", better="higher", value=0.5)
        yield "latency/l2_by_sm", {"src_sm": sm}, [_cycles(near, "_near"), _cycles(far, "_far"), share]
    for footprint in _octaves(KIB, 32 * KIB, 1):
        for form, steps in (("address", 23.0), ("index", 29.0)):
            yield "latency/shared", {"footprint": footprint, "form": form}, [_cycles(steps)]
    for footprint in _octaves(512, 64 * KIB, 2):
        steps = 19 + 86 * _soft(footprint, 2.5 * KIB, 20) + 140 * _soft(footprint, 48 * KIB)
        yield "latency/constant", {"footprint": footprint}, [_cycles(steps)]
    for space, base in (("readonly", 33.0), ("texture", 39.0)):
        for footprint in _octaves(4 * KIB, 64 * MIB, 1):
            axes: dict[str, Value] = {"footprint": footprint}
            if space == "readonly":
                axes["function"] = "readonly"
            yield f"latency/{space}", axes, [_cycles(ladder(footprint) - 32 + base)]
    for footprint in _octaves(64 * KIB, 64 * MIB, 1)[::2]:
        yield "latency/host_memory", {"footprint": footprint}, _per_hop(2450.0)


def ladder(footprint: float) -> float:
    """Cycles per hop over a footprint in bytes, as an H200's levels give them."""
    l2 = 263 + 30 * _soft(footprint, 24 * MIB)
    return 32 + (l2 - 32) * _soft(footprint, 224 * KIB, 8) + 370 * _soft(footprint, 52 * MIB, 3.5)


def _bandwidth() -> Cells:
    reach = {"read": 0.952, "write": 0.925, "copy": 0.905, "scale": 0.903, "triad": 0.91}
    for pattern, share in reach.items():
        for size, vector, unroll, warps in _deviations():
            small = 1 - 0.06 * (28 + 5 - math.log2(size)) / 5
            worse = {4: 0.93, 8: 0.98, 16: 1.0}[vector] * {1: 0.95, 4: 1.0, 8: 1.0}[unroll]
            value = DRAM_PEAK * share * small * worse * {16: 0.86, 32: 0.97, 64: 1.0}[warps]
            axes = {"pattern": pattern, "form": "persistent", "bytes": size, "vector": vector, "unroll": unroll}
            axes["warps"] = warps
            yield "bandwidth/dram", axes, [_rate(value, DRAM_PEAK, "memory clock x bus width x 2")]
    for pattern in ("read", "copy"):
        for regime, share, watts in (("burst", 0.955, 340.0), ("sustained", 0.949, 402.0)):
            power = Truth(metric="power", unit="W", better="lower", value=watts)
            truths = [
                _rate(DRAM_PEAK * share * reach[pattern] / 0.952, DRAM_PEAK, "memory clock x bus width x 2"),
                power,
            ]
            yield "bandwidth/dram_regime", {"pattern": pattern, "regime": regime}, truths
    for pattern, top in (("read", 7.4e12), ("write", 5.9e12)):
        for footprint in _octaves(MIB, 128 * MIB, 2):
            value = top - (top - DRAM_PEAK * reach[pattern]) * _soft(footprint, 48 * MIB, 3)
            yield (
                "bandwidth/l2",
                {"pattern": pattern, "footprint": footprint, "tier": "l2"},
                _per_clock(value, None),
            )
    for space in ("l1", "shared"):
        for vector in (4, 8, 16):
            for warps in (8, 16, 32):
                share = {4: 0.97, 8: 0.985, 16: 0.989}[vector] * min(1.0, 0.62 + 0.038 * warps * vector / 16 * 4)
                axes = {"vector": vector, "unroll": 8, "warps": warps}
                if space == "shared":
                    axes["source"] = "shared"
                value = 128 * share * SMS * 1.965e9
                yield f"bandwidth/{space}", axes, _per_clock(value, 128.0)


def _deviations() -> Iterator[tuple[int, int, int, int]]:
    yield from ((size, 16, 4, 64) for size in (256 * MIB, GIB, 8 * GIB))
    yield from ((8 * GIB, vector, 4, 64) for vector in (4, 8))
    yield from ((8 * GIB, 16, unroll, 64) for unroll in (1, 8))
    yield from ((8 * GIB, 16, 4, warps) for warps in (16, 32))


def _launch() -> Cells:
    costs = {
        "cuda_core": (1.9e-6, 6.1e-6),
        "cupy": (2.6e-6, 6.9e-6),
        "pycuda": (2.3e-6, 6.4e-6),
        "numba": (4.8e-6, 10.2e-6),
    }
    for library, (submit, trip) in costs.items():
        yield "launch/kernel", {"library": library, "method": "submit"}, [_seconds(submit)]
        yield "launch/kernel", {"library": library, "method": "round_trip"}, [_seconds(trip)]
    for count in (2**e for e in range(11)):
        yield "launch/graph", {"count": count, "method": "linear"}, [_seconds(2.2e-6 + 1.28e-6 * count)]
        if count >= 4:
            yield "launch/graph", {"count": count, "method": "parallel"}, [_seconds(4.1e-6 + 0.55e-6 * count)]
    waits = {"event_record": 0.6e-6, "event_synchronize": 0.9e-6, "stream_synchronize": 1.1e-6}
    waits |= {"device_synchronize": 1.9e-6, "stream_wait_event": 0.5e-6}
    for method, value in waits.items():
        yield "launch/sync", {"method": method}, [_seconds(value)]


def _copy() -> Cells:
    for direction, top in (("h2d", 55.6e9), ("d2h", 56.1e9), ("both", 98e9)):
        ways = 2 if direction == "both" else 1
        for method, share, start in (("pinned", 1.0, 1.6e-6), ("pageable", 0.22, 6.5e-6)):
            if ways == 2 and method == "pageable":
                continue
            for size in _octaves(4, GIB, 1):
                time = start + ways * size / (top * share)
                rate = _rate(ways * size / time, ways * PCIE_PEAK, "PCIe 5 x16 after line coding")
                yield (
                    "copy/host_device",
                    {"direction": direction, "method": method, "bytes": size},
                    [rate, _seconds(time)],
                )
    for direction, top in (("h2d", 51.3e9), ("d2h", 52.6e9)):
        for size in _octaves(4, GIB, 1):
            time = 2.2e-6 + size / top
            rate = _rate(size / time, PCIE_PEAK, "PCIe 5 x16 after line coding")
            yield "copy/mapped", {"direction": direction, "bytes": size}, [rate, _seconds(time)]
    for size in _octaves(4 * KIB, 4 * GIB, 1):
        time = 1.9e-6 + 2 * size / 4.25e12
        yield "copy/device", {"bytes": size}, [_rate(2 * size / time), _seconds(time)]


def _host() -> Cells:
    for pattern in ("copy", "scale", "add", "triad"):
        for threads in (1, 2, 4, 8, 16):
            value = 190e9 * (1 - math.exp(-threads / 6))
            yield "host/stream", {"pattern": pattern, "threads": threads, "bytes": 256 * MIB}, [_rate(value)]
    for row_bytes in (8, 64, 512, 4096):
        for threads in (1, 16):
            time = (70e-9 + row_bytes / 9e9) / threads**0.9
            truths = [_rate(row_bytes / time), _seconds(time)]
            yield "host/gather", {"row_bytes": row_bytes, "threads": threads, "footprint": GIB}, truths
    for footprint in _octaves(4 * KIB, 512 * MIB, 2):
        ns = 1.3 + 3 * _soft(footprint, 48 * KIB) + 18 * _soft(footprint, 2 * MIB) + 75 * _soft(footprint, 48 * MIB)
        yield (
            "host/pointer_chase",
            {"footprint": footprint},
            [replace(_seconds(ns * 1e-9), metric="latency", unit="s/hop")],
        )
    for size in _octaves(4 * KIB, 256 * MIB, 1):
        for threads in (1, 16):
            time = 60e-9 + size / (11e9 * threads**0.7)
            yield "host/memcpy", {"bytes": size, "threads": threads}, [_rate(size / time), _seconds(time)]
    for method, cached, stored in (("write", 2.1e9, 0.9e9), ("read", 7.4e9, 2.6e9)):
        for tier, rate in (("page_cache", cached), ("storage", stored)):
            for size in (MIB, 64 * MIB, 256 * MIB):
                axes = {"method": method, "tier": tier, "bytes": size}
                yield "host/file", axes, [_rate(rate), _seconds(size / rate)]


def _octaves(low: int, high: int, density: int) -> list[int]:
    steps = round(math.log2(high / low) * density)
    return list(dict.fromkeys(round(low * 2 ** (i / density)) for i in range(steps + 1)))


def _soft(x: float, at: float, steep: float = 6.0) -> float:
    return float(1 / (1 + (at / x) ** steep))


def _cycles(value: float, suffix: str = "") -> Truth:
    return Truth(metric=f"latency{suffix}", unit="cycle/hop", better="lower", value=float(value))


def _per_hop(value: float) -> list[Truth]:
    return [_cycles(value), _seconds(value / 1.965e9)]


def _seconds(value: float) -> Truth:
    return Truth(metric="time", unit="s", better="lower", value=value)


def _rate(value: float, limit: float | None = None, kind: str | None = None) -> Truth:
    return Truth(metric="bandwidth", unit="B/s", better="higher", value=value, limit=limit, limit_kind=kind)


def _per_clock(value: float, limit: float | None) -> list[Truth]:
    clock = SMS * 1.965e9
    whole = _rate(value, None if limit is None else limit * clock, None if limit is None else "128 per clock and SM")
    kind = None if limit is None else "32 banks of 4 bytes per clock"
    per = Truth(
        metric="bandwidth_sm",
        unit="B/cycle",
        better="higher",
        value=value / clock,
        limit=limit,
        limit_kind=kind,
    )
    return [whole, per]
