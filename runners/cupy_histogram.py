"""Random keys counted into bins of shared, distributed shared or global memory (dsm/histogram.cu)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_clusters = content.load_module(_here.with_name("cupy_cluster.py"))
_counted = content.load_module(_here.with_name("cupy_keys.py"))
_KEYS = 1 << 24


def work(gpu: Any, *, method: str, bins: int, threads: int, cluster_size: int) -> Work:
    """Work of dsm/histogram, every bin verified."""
    keys, share = _counted.keys(_KEYS)[0], bins // cluster_size
    shared = 0 if method == "global" else 4 * share
    if method == "dsm":
        held = _clusters.fitting(gpu, size=cluster_size, block=threads, shared=shared)
    else:
        held = gpu.multiprocessors * _clusters.blocks_per_sm(gpu, block=threads, shared=shared)
    total = gpu.alloc(4 * bins).view(np.uint32)
    args = [keys, np.uint32(_KEYS // 4), np.uint32(bins), np.uint32(share.bit_length() - 1), total]

    def run() -> None:
        gpu.memset(total, 0)
        _clusters.enqueue(gpu, clusters=held, size=cluster_size, block=threads, args=args, shared=shared)

    timed: Work = gpu.call(
        run,
        work=_KEYS,
        poison=lambda: gpu.memset(total, 0xFF),
        verify=lambda: bool((total.get() == _counted.expected(_KEYS, bins)).all()),
        keep=args,
    )
    return timed
