"""Clusters that fill the GPU and read each other's shared memory (dsm/throughput.cu)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_clusters = content.load_module(_here.with_name("cupy_cluster.py"))
_reads = content.load_module(_here.with_name("cluster_reads.py"))
_sms = content.load_module(_here.with_name("whole_sm.py"))
_BYTES = 8_000_000  # that each block reads per launch, so that a launch takes some 300 us


def work(gpu: Any, *, pattern: str, cluster_size: int, vector: int, unroll: int, warps: int) -> Work:
    """Work of dsm/throughput, its sums verified thread by thread."""
    block, shared = 32 * warps, _sms.most_shared(gpu)
    held = _clusters.fitting(gpu, size=cluster_size, block=block, shared=shared)
    footprint, working = block * unroll * vector, _reads.workers(pattern, cluster_size)
    share = cluster_size - 1 if pattern == "broadcast" else 1  # of what one block can give
    rounds = 2 * max(1, round(_BYTES / share / footprint / 2))
    rng = np.random.default_rng()
    words = rng.integers(0, 2**32, footprint // 4, dtype=np.uint32)
    factors = rng.integers(0, 2**31, held * cluster_size, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    held_words, held_factors = (gpu.alloc(a.nbytes).view(np.uint32) for a in (words, factors))
    held_words.set(words)
    held_factors.set(factors)
    sums = gpu.alloc(4 * factors.size * block).view(np.uint32)

    def verify() -> bool:
        shape = {"pattern": pattern, "size": cluster_size, "threads": block, "unroll": unroll, "rounds": rounds}
        return bool((sums.get().reshape(-1, block) == _reads.sums(words, factors, **shape)).all())

    filled: Work = _clusters.fill(
        gpu,
        clusters=held,
        size=cluster_size,
        block=block,
        args=[held_words, held_factors, np.uint32(rounds), sums],
        work=held * working * rounds * footprint,
        shared=shared,
        poison=lambda: gpu.memset(sums, 0xFF),
        verify=verify,
    )
    return filled
