"""Fences and barriers by how far they reach: chains of them, and what each must have left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_chains = content.load_module(Path(__file__).with_name("known_chains.py"))
_LINE = 128
_BITS = 13  # 8192 lines, a contiguous MiB: L2 spreads it over all its slices alike


def fence(gpu: Any, *, stores: bool) -> Work:
    """Work of contention/fence: the last store of a chain must be seen."""
    memory = gpu.alloc(16 * _LINE).view(np.uint32)
    gpu.memset(memory, 0)
    work: Work = _chains.chain(
        gpu, args=lambda length: [memory], ends=lambda length: length - 1 if stores else 0, lengths=(32, 1056)
    )
    return work


def barrier(gpu: Any, *, function: str, warps: int) -> Work:
    """Work of contention/barrier: what the last one counted, or the last vote gave, must be right."""
    everyone = 2**32 - 1
    left = {"block": 1, "count": 32 * warps, "vote": everyone}[function]
    work: Work = _chains.chain(
        gpu,
        args=lambda length: [np.uint32(everyone)],
        ends=lambda length: left,
        lengths=(256, 1280),
        block=32 * warps,
    )
    return work


def grid_barrier(gpu: Any, *, count: int) -> Work:
    """Work of contention/grid_barrier: each counts on the next line, so that all of them are in a sample."""
    arrived, passed = gpu.alloc(_LINE << _BITS), 0
    gpu.memset(arrived, 0)

    def args(length: int) -> list[Any]:
        nonlocal passed
        first, passed = passed, passed + length
        return [arrived, np.uint32(_BITS), np.uint32(first)]

    work: Work = _chains.chain(gpu, args=args, ends=lambda length: length, lengths=(64, 64 + (1 << _BITS)), grid=count)
    return work
