"""Chains of copies: walks through global memory whose every hop is a copy (tma/latency.cu), rounds (tma/round.cu)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_maps = content.load_module(_here.with_name("cupy_tensor_map.py"))
_walks = content.load_module(_here.with_name("cupy_walks.py"))
_WARM = 2  # hops that the kernel makes before its clock starts


def latency(gpu: Any, *, method: str, tier: str, bytes: int, dims: int) -> Work:
    """Work of tma/latency.

    L2: one SM walks whole laps of an array that L2 spreads over all its slices alike. DRAM: eight SMs, far from each
    other on one large ring, so that a sample has 65536 hops; a load of DRAM may wait for a refresh, or a translation.
    """
    near = tier == "l2"
    stride = max(bytes, 128)
    footprint = max(1 << 20, 256 * stride) if near else 1 << 30
    if method == "tensor":
        boxes = _maps.tensor(footprint, box_bytes=bytes, dims=dims)
        ring = gpu.offsets(footprint, stride, unit=stride // boxes.outer)
        _maps.install(gpu, boxes, ring.memory)
        origin, scale = 0, boxes.outer
    else:
        memory = gpu.alloc(footprint)
        gpu.memset(memory, 0)
        ring = gpu.ring(footprint, stride, memory)
        origin, scale = int(memory.data.ptr), stride
    order, sink, walkers = ring.walk.order, gpu.alloc(4), 1 if near else 8
    apart, cursor = order.n // walkers, 0
    shown = ring.memory if near else gpu.alloc(4 * gpu.facts.l2)
    gpu.allow(gpu.kernel, bytes + 16)

    def before() -> (
        None
    ):  # L2 holds what will be walked, near the SM that walks, or other lines, none of them to write back
        blocks = 1 if near else 8 * gpu.multiprocessors
        gpu.support("boxes.cu", "touch", blocks, 1024, [shown, np.uint64(shown.nbytes // 16), sink])

    def launch(length: int, stamps: Any) -> Any:
        nonlocal cursor
        first, cursor = cursor, (cursor + _WARM + length) % order.n
        numbers = [scale, order.n, order.half_bits, first, apart, length]
        args = [np.uint64(origin), *(np.uint32(number) for number in numbers), stamps]
        gpu.enqueue(gpu.kernel, walkers, 32, args, bytes + 16)
        return [origin + scale * order.place(cursor + walker * apart) for walker in range(walkers)]

    hops = max(order.n, 4096) if near else 8192
    work: Work = _walks.spread(gpu, launch=launch, lengths=(128, 128 + hops), walkers=walkers, before=before)
    return work


def rounds(gpu: Any, *, function: str, bytes: int) -> Work:
    """Work of tma/round: what was stored or added is verified after the last launch."""
    target, made = gpu.alloc(bytes).view(np.uint32), []
    seed = np.uint32(np.random.default_rng().integers(2**32))
    gpu.memset(target, 0)

    def args(length: int) -> list[Any]:
        made.append(length)
        return [target, seed]

    def verify() -> bool | None:
        stored = (int(seed) + np.arange(bytes // 4, dtype=np.uint64)) % 2**32
        if function.startswith("reduce"):
            stored = stored * sum(made) % 2**32
        return None if function in ("mbarrier", "prefetch") else bool((target.get() == stored).all())

    chained: Work = gpu.chain(args=args, lengths=(64, 320), verify=verify, block=32, shared=bytes + 16)
    return chained
