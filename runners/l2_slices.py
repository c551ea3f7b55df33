"""Slices of L2 as far as latencies tell: addresses that are reached alike, and lines that several SMs see alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gridstone.changepoint import alike, groups
from gridstone.clock import Work

_WITHIN = 3.0  # cycles: two lines whose latencies from each SM are as close lie in one slice


def interleave(gpu: Any, *, offset: int) -> Work:
    """Work of cache/l2_interleave: addresses `offset` bytes apart, compared with each other and with any others."""
    lines, stride = 128, 3 * 32768  # the low bits of all first places are 0, those above are any
    memory = gpu.alloc(lines * stride)

    def observe() -> dict[str, float]:
        a, b = (_settled(gpu, part, stride, lines, [0])[:, 0] for part in (memory, memory[offset:]))
        return {
            "same_share": float((np.abs(a - b) < 1).mean()),
            "same_share_by_chance": float((np.abs(a[:, None] - b[None, :]) < 1).mean()),
        }

    work: Work = gpu.observe(observe)
    return work


def slices(gpu: Any, *, count: int) -> Work:
    """Work of cache/l2_slices: lines grouped by their latencies from six SMs, and how many would agree by chance."""
    stride = 4096 + 128
    memory = gpu.alloc(count * stride)
    sms = np.linspace(0, gpu.multiprocessors - 1, 6).astype(int)

    def observe() -> dict[str, float]:
        prints = _settled(gpu, memory, stride, count, sms)
        close, pairs = alike(prints, within=_WITHIN), count * (count - 1)
        shuffled = np.stack([np.random.default_rng(i).permutation(column) for i, column in enumerate(prints.T)], axis=1)
        return {
            "groups": float(groups(close)),
            "alike_share": float((close.sum() - count) / pairs),
            "alike_share_by_chance": float((alike(shuffled, within=_WITHIN).sum() - count) / pairs),
        }

    work: Work = gpu.observe(observe)
    return work


def _settled(gpu: Any, memory: Any, stride: int, lines: int, sms: Sequence[int]) -> Any:
    """Cycles per hit of each line (rows) from each SM (columns) that has just fetched it, by a chain of loads.

    Ahead of it all SMs store the lines, in turn.
    """
    shape = [np.uint64(stride), np.uint32(lines)]
    gpu.support("ring.cu", "self_addresses", gpu.multiprocessors, 8, [memory, *shape])
    taken, spent, columns = gpu.alloc(4), gpu.alloc(12 * lines).view(np.uint32), []
    for sm in sms:
        gpu.memset(taken, 0)
        gpu.memset(spent, 0)
        gpu.enqueue(gpu.kernel, 8 * gpu.multiprocessors, 32, [memory, *shape, np.uint32(sm), taken, spent])
        chain = spent.get().reshape(lines, 3)[:, 2].astype(np.float64)
        if not chain.all():
            raise RuntimeError("the wanted SM ran no block of the grid")
        columns.append(chain / 16)
    return np.stack(columns, axis=1)
