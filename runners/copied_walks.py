"""Chains of copies: walks through global memory whose every hop is a copy (tma/latency.cu), rounds (tma/round.cu)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Order, Work

_here = Path(__file__)
_maps = content.load_module(_here.with_name("cupy_tensor_map.py"))
_walks = content.load_module(_here.with_name("cupy_walks.py"))
_WARM = 2  # hops that the kernel makes before its clock starts
_BRIEF = 128  # hops of the shorter stretch
_NEAR, _FAR = 1 << 19, 1 << 30  # bytes of a ring that L2 holds, of boxes that are small; and of one in DRAM
_ROOM = 64 << 20  # bytes within which a ring that L2 holds is moved
_HOPS = 4096  # of a sample from L2, at least
_FAR_HOPS = 2048  # of each walker from DRAM: a load may wait for a refresh, or a translation


def latency(gpu: Any, *, method: str, tier: str, bytes: int, dims: int) -> Work:
    """Work of tma/latency.

    L2: one SM walks whole laps of a ring that lies elsewhere in every sample, as lines are near or far. DRAM: many SMs
    at once, far from each other on one large ring, but not so many that they use the memory's bandwidth up.
    """
    near = tier == "l2"
    walkers = 1 if near else max(8, min(32, 65536 // bytes))
    stride = max(bytes, 128 if near else 1024)
    footprint = max(_NEAR, 256 * stride) if near else _FAR
    order, rng = Order(n=footprint // stride), np.random.default_rng()
    memory, sink = gpu.alloc(footprint + (_ROOM if near else 0)), gpu.alloc(4)
    gpu.memset(memory, 0)
    base, scale = int(memory.data.ptr), stride
    if method == "tensor":
        boxes = _maps.tensor(memory.nbytes, box_bytes=bytes, dims=dims)
        _maps.install(gpu, boxes, memory)
        base, scale = 0, stride // bytes * boxes.outer
    apart, hops = order.n // walkers, max(order.n, _HOPS) if near else _FAR_HOPS
    lengths = _BRIEF, _BRIEF + hops
    shown = None if near else gpu.alloc(4 * gpu.facts.l2)
    origin = cursor = 0
    gpu.allow(gpu.kernel, bytes + 16)

    def lay() -> Any:
        nonlocal origin
        place = int(rng.integers((memory.nbytes - footprint) // stride + 1))
        origin, ring = base + place * scale, memory[place * stride :][:footprint]
        shape = [np.uint64(stride), np.uint64(origin), np.uint64(scale), np.uint32(order.n), np.uint32(order.half_bits)]
        gpu.support("ring.cu", "ring_of_addresses", 4 * gpu.multiprocessors, 256, [ring, *shape])
        return ring

    def before() -> None:  # L2 holds what will be walked, near the SM that walks, or other lines, none to write back
        touched = lay() if near else shown
        blocks = 1 if near else 8 * gpu.multiprocessors
        gpu.support("boxes.cu", "touch", blocks, 1024, [touched, np.uint64(touched.nbytes // 16), sink])

    def launch(stamps: Any) -> Any:
        nonlocal cursor
        first, cursor = cursor, (cursor + _WARM + sum(lengths)) % order.n
        numbers = [scale, order.n, order.half_bits, first, apart, *lengths]
        args = [np.uint64(origin), *(np.uint32(number) for number in numbers), stamps]
        gpu.enqueue(gpu.kernel, walkers, 32, args, bytes + 16)
        return [origin + scale * order.place(cursor + walker * apart) for walker in range(walkers)]

    if not near:
        lay()
    work: Work = _walks.spread(gpu, launch=launch, lengths=lengths, walkers=walkers, before=before)
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
