"""What one load brings along: how much longer than a hit a second load takes, some bytes from one that missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from cuda.core import ObjectCode

from gridstone.clock import Work

_CONSTANT = 64 << 10
_STEP = 512
_BANKS = 8  # copies of the kernel: each has its constant memory elsewhere


def pairs(
    gpu: Any,
    *,
    step: int,
    offset: int,
    count: int,
    blocks: int,
    turns: int = 1,
    before: Callable[[], None] | None = None,
) -> Work:
    """cache/pairs.cu: `count` pairs of loads on each of `blocks` SMs, stretches of `step` bytes, `turns` a sample."""
    blocks = min(blocks, gpu.multiprocessors)
    stretches = count * blocks
    memory, spent = gpu.alloc(stretches * step), gpu.alloc(16 * stretches).view(np.uint32)
    sizes = [np.uint64(step), np.uint64(offset)]
    gpu.support("ring.cu", "lay_pairs", gpu.multiprocessors, 256, [memory, *sizes, np.uint32(stretches)])
    args = [memory, *sizes, np.uint32(count), np.uint32(1), spent]

    def turn() -> Any:
        if before is not None:
            before()
        gpu.enqueue(gpu.kernel, blocks, 1, args)
        return spent.get().reshape(-1, 4)

    return _beyond_a_hit(gpu, lambda: np.concatenate([turn() for _ in range(turns)]), [spent])


def constant_pairs(gpu: Any, *, offset: int) -> Work:
    """cache/constant_pairs.cu over all of the constant memory of several copies of the kernel, one after the other."""
    count = _CONSTANT // _STEP
    words = np.zeros((count, _STEP // 4), np.uint32)
    words[:, 0] = words[:, offset // 4] = _STEP * np.arange(count) + offset
    memory = gpu.alloc(_CONSTANT).view(np.uint32)
    memory.set(words.ravel())
    objects = [ObjectCode.from_cubin(gpu.cubin) for _ in range(_BANKS)]
    kernels = [each.get_kernel("probe") for each in objects]
    spent = [gpu.alloc(16 * count).view(np.uint32) for _ in kernels]
    for each in objects:
        gpu.copy_to_constant("ring", memory, each)

    def observe() -> Any:
        for kernel, room in zip(kernels, spent, strict=True):
            args = [np.uint32(_STEP), np.uint32(offset), np.uint32(count), np.uint32(1), room]
            gpu.enqueue(kernel, 1, 1, args)
        return np.concatenate([room.get().reshape(-1, 4) for room in spent])

    return replace(_beyond_a_hit(gpu, observe, spent), close=objects.clear)


def _beyond_a_hit(gpu: Any, taken: Callable[[], Any], spent: Sequence[Any]) -> Work:
    """Work that reads off how much longer the first and the second load of each pair take than the third, which hits.

    taken(): rows of the cycles of the three and whether they went where they should. The mean of the middle half: lines
    at several distances have no middle one, and now and then a load meets a refresh.
    """
    right: list[bool] = []

    def observe() -> dict[str, float]:
        first, second, third, went = taken().T.astype(np.float64)
        right.append(bool(went.all()))
        return {"latency_first": midmean(first - third), "latency_second": midmean(second - third)}

    def poison() -> None:
        for room in spent:
            gpu.memset(room, 0)

    work: Work = gpu.observe(observe)
    return replace(work, poison=poison, verify=lambda: all(right))


def midmean(values: Any) -> float:
    """The mean of the half of the values that lies between their quartiles."""
    ordered, cut = np.sort(values), len(values) // 4
    return float(ordered[cut : len(ordered) - cut].mean())
