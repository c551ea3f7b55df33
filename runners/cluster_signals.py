"""Chains between the blocks of a cluster: accesses, signals there and back, barriers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_clusters = content.load_module(Path(__file__).with_name("cupy_cluster.py"))
_RING = 1024  # longer than any chain: where one ends tells how long it was
_WARM, _FIRST = 16, 4  # steps and rounds ahead of those that are timed, as the kernels have them


def access(gpu: Any, *, function: str, source: str) -> Work:
    """Work of dsm/access: a ring of loads, or atomics that each add what the last returned."""
    first, second = (int(v) for v in np.random.default_rng().integers(1, 2**32, 2))
    loads = function.startswith("load")
    if loads:
        first, second = first % _RING, _RING

    def expect(steps: int) -> int:
        place, value = first, second
        for _ in range(_WARM + steps):
            value, place = (place, (place + value) % 2**32) if not loads else (0, (5 * place + 3) % _RING)
        return (place if loads else value) + (target << 32)

    target = int(source == "remote")
    args = [np.uint32(target), np.uint32(second), np.uint32(first)]
    chained: Work = _clusters.chain(gpu, size=2, args=args, lengths=(16, 144), expect=expect)
    return chained


def round_trip(gpu: Any, *, function: str, bytes: int) -> Work:
    """Work of dsm/round_trip: the numbers of all rounds, and what a bulk copy brought back, are verified."""
    size = bytes if function == "bulk" else 16
    data, arrived = gpu.alloc(size), gpu.alloc(size)
    sent = np.random.default_rng().integers(0, 256, size, dtype=np.uint8)
    data.set(sent)
    chained: Work = _clusters.chain(
        gpu,
        size=2,
        args=[data, arrived, np.uint32(size)],
        lengths=(8, 200),
        expect=lambda rounds: (rounds + _FIRST) * (rounds + _FIRST + 1) // 2,
        block=32,
        poison=lambda: gpu.memset(arrived, 0xFF),
        verify=lambda: function != "bulk" or bool((arrived.get() == sent).all()),
    )
    return chained


def barrier(gpu: Any, *, cluster_size: int, threads: int) -> Work:
    """Work of dsm/barrier, of which nothing is left that could be verified."""
    chained: Work = _clusters.chain(
        gpu,
        size=cluster_size,
        args=[],
        lengths=(32, 96),
        expect=None,
        block=threads,
        compiled=True,
    )
    return chained
