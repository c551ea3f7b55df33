"""Clusters that fill the GPU and write into each other's shared memory (dsm/write.cu)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_clusters = content.load_module(_here.with_name("cupy_cluster.py"))
_writes = content.load_module(_here.with_name("cluster_writes.py"))
_sms = content.load_module(_here.with_name("whole_sm.py"))
_LAPS = 8


def work(gpu: Any, *, function: str, pattern: str, cluster_size: int, bytes: int) -> Work:
    """Work of dsm/write_throughput: clusters that fill the GPU write into each other, and every word is verified."""
    traffic = _writes.Traffic(pattern=pattern, size=cluster_size, bytes=bytes, bulk=function == "bulk")
    shared = _sms.most_shared(gpu)
    held = _clusters.fitting(gpu, size=cluster_size, block=_writes.THREADS, shared=shared)
    seed = int(np.random.default_rng().integers(2**32))
    sums = gpu.alloc(4 * held * cluster_size * _writes.THREADS).view(np.uint32)
    numbers = [np.uint32(n) for n in (seed, _LAPS, traffic.rounds, traffic.received)]
    # Threads write something else in every lap; a bulk copy sends the same. Each thread counts what it went through.
    last = seed if traffic.bulk else (seed + _LAPS - 1) % 2**32

    def verify() -> bool:
        wanted = traffic.sums(last, held) + traffic.turns(_LAPS, held)
        return bool((sums.get().reshape(-1, _writes.THREADS) == wanted).all())

    filled: Work = _clusters.fill(
        gpu,
        clusters=held,
        size=cluster_size,
        block=_writes.THREADS,
        args=[*numbers, sums],
        work=held * traffic.writers * _LAPS * traffic.rounds * traffic.slot,
        shared=shared,
        poison=lambda: gpu.memset(sums, 0xFF),
        verify=verify,
    )
    return filled
