"""Mini-batches of a graph: the vertices whose features two layers of sampled neighbours need, batch by batch."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from gridstone.clock import Order

_SEED = 20261125
SEEDS, _FANOUTS = 1024, (10, 10)
DEGREE = 8  # edges per vertex
_made: dict[tuple[int, int], tuple[Any, ...]] = {}


def batches(gpu: Any, bits: int, count: int) -> tuple[Any, ...]:
    """`count` batches of an R-MAT graph of 2^bits vertices and eight times as many edges, the same in every process.

    A batch is an array of vertices (uint32), each once, in random order: 1,024 seeds, ten neighbours of each, and ten
    of each of those. Kept for the life of the process: the graph itself is not.
    """
    if (bits, count) not in _made:
        _made[bits, count] = tuple(_sampled(gpu, bits, count))
        gpu.cp.get_default_memory_pool().free_all_blocks()
    return _made[bits, count]


def _sampled(gpu: Any, bits: int, count: int) -> Any:
    cp, vertices = gpu.cp, 1 << bits
    edges = gpu.alloc(8 * DEGREE * vertices).view(np.uint64)
    half_bits = Order(n=vertices).half_bits
    args = [edges, np.uint64(edges.size), np.uint32(bits), np.uint32(half_bits), np.uint64(_SEED)]
    gpu.support("rmat.cu", "rmat_edges", 8 * gpu.multiprocessors, 256, args)
    edges.sort()
    # Where the edges of each vertex begin; the source is the upper half of an edge.
    first = cp.searchsorted(edges, cp.arange(vertices + 1, dtype=np.uint64) << np.uint64(32)).astype(np.uint64)
    rng = np.random.default_rng(_SEED)
    for batch in range(count):
        layers = [cp.asarray(rng.integers(0, vertices, SEEDS, dtype=np.uint32))]
        for number, fanout in enumerate(_FANOUTS):
            seed = np.uint64(_SEED + 1000 * batch + number)
            drawn = cp.empty(layers[-1].size * fanout, dtype=np.uint32)
            args = [drawn, layers[-1], np.uint32(layers[-1].size), np.uint32(fanout), edges, first, seed]
            gpu.support("rmat.cu", "neighbours", 4 * gpu.multiprocessors, 256, args)
            layers.append(drawn)
        yield shuffled(functools.reduce(np.union1d, [layer.get() for layer in layers]), rng)


def shuffled(vertices: Any, rng: Any) -> Any:
    """The vertices in random order: samplers number them as they come, not by their place in the table."""
    return rng.permutation(vertices).astype(np.uint32)
