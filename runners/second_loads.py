"""What one load brings along: how much longer than a hit a second load takes, some bytes from one that missed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from cuda.core import ObjectCode

from gridstone.clock import Work

_CONSTANT = 64 << 10
_STEP = 512
_LINE = 128
_BANKS = 16  # copies of the kernel: each has its constant memory elsewhere
_SHIFTS = (0, 256)  # bytes into a stretch of constant memory where its first load may fall; offsets are smaller
_SLACK = 256 << 20  # bytes within which stretches of global memory are moved


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
    """cache/pairs.cu: `count` pairs of loads on each of `blocks` SMs, stretches of `step` bytes, `turns` a sample.

    Lines are near or far: the stretches lie elsewhere in every turn. before(): called when they are laid; by default
    the same loads, without which the first ones would find sectors that were stored in part and go to DRAM.
    """
    blocks = min(blocks, gpu.multiprocessors)
    stretches = count * blocks
    memory, spent = gpu.alloc(stretches * step + _SLACK), gpu.alloc(16 * stretches * turns).view(np.uint32)
    sizes, rng = [np.uint64(step), np.uint64(offset)], np.random.default_rng()

    def observe() -> Any:
        for room in spent.reshape(turns, -1):
            laid = memory[_LINE * int(rng.integers(_SLACK // _LINE)) :]
            gpu.support("ring.cu", "lay_pairs", gpu.multiprocessors, 256, [laid, *sizes, np.uint32(stretches)])
            args = [laid, *sizes, np.uint32(count), np.uint32(1), room]
            if before is None:
                gpu.enqueue(gpu.kernel, blocks, 1, args)
            else:
                before()
            gpu.enqueue(gpu.kernel, blocks, 1, args)
        return spent.get().reshape(-1, 4)

    return _beyond_a_hit(gpu, observe, spent)


def constant_pairs(gpu: Any, *, offset: int) -> Work:
    """cache/constant_pairs.cu over all of the constant memory of several copies of the kernel, one after the other."""
    count = _CONSTANT // _STEP - 1  # the last stretch would reach beyond the end from where it is shifted to
    laid = gpu.alloc(len(_SHIFTS) * _CONSTANT).view(np.uint32).reshape(len(_SHIFTS), -1)
    laid.set(np.stack([_constant_words(count, shift, offset) for shift in _SHIFTS]))
    rng = np.random.default_rng()
    objects = [ObjectCode.from_cubin(gpu.cubin) for _ in range(_BANKS)]
    kernels = [each.get_kernel("probe") for each in objects]
    spent = gpu.alloc(16 * count * _BANKS).view(np.uint32)

    def observe() -> Any:
        for loaded, kernel, room in zip(objects, kernels, spent.reshape(_BANKS, -1), strict=True):
            chosen = int(rng.integers(len(_SHIFTS)))
            gpu.copy_to_constant("ring", laid[chosen], loaded)
            args = [_SHIFTS[chosen], _STEP, offset, count, 1]
            gpu.enqueue(kernel, 1, 1, [*map(np.uint32, args), room])
        return spent.get().reshape(-1, 4)

    return replace(_beyond_a_hit(gpu, observe, spent), close=objects.clear)


def _constant_words(count: int, shift: int, offset: int) -> Any:
    """Stretches whose first word, `shift` bytes in, is the byte offset of a second one, which holds its own."""
    words = np.zeros(_CONSTANT // 4, np.uint32)
    second = _STEP * np.arange(count) + shift + offset
    words[(second - offset) // 4] = words[second // 4] = second
    return words


def _beyond_a_hit(gpu: Any, taken: Callable[[], Any], spent: Any) -> Work:
    """Work that reads off how much longer the first and the second load of each pair take than the third, which hits.

    taken(): rows of the cycles of the three and whether they went where they should. The mean of the middle half: lines
    at several distances have no middle one, and now and then a load meets a refresh.
    """
    right: list[bool] = []

    def observe() -> dict[str, float]:
        first, second, third, went = taken().T.astype(np.float64)
        right.append(bool(went.all()))
        return {"latency_first": midmean(first - third), "latency_second": midmean(second - third)}

    work: Work = gpu.observe(observe)
    return replace(work, poison=lambda: gpu.memset(spent, 0), verify=lambda: all(right))


def midmean(values: Any) -> float:
    """The mean of the half of the values that lies between their quartiles."""
    ordered, cut = np.sort(values), len(values) // 4
    return float(ordered[cut : len(ordered) - cut].mean())
