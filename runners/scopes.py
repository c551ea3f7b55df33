"""Fences and barriers by how far they reach: chains of them, and what each must have left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_chains = content.load_module(_here.with_name("known_chains.py"))
_placed = content.load_module(_here.with_name("placed_chains.py"))
_clusters = content.load_module(_here.with_name("cupy_cluster.py"))
_LINE = 128
_LINES = 64  # of a launch of a barrier of blocks: with those of a launch per SM, L2 spreads them over all its slices


def fence(gpu: Any, *, stores: bool) -> Work:
    """Work of contention/fence, on one SM at a time: the last store of a chain must be seen."""
    memory, shared = gpu.alloc(16 * _LINE).view(np.uint32), _clusters.most_shared(gpu)
    gpu.memset(memory, 0)
    gpu.allow(gpu.kernel, shared)  # so that each SM has one block

    def launch(place: int, length: int, stamp: int) -> None:
        args = [memory, np.uint32(place), np.uint32(length), stamp]
        gpu.enqueue(gpu.kernel, gpu.multiprocessors, 1, args, shared)

    work: Work = _placed.chain(
        gpu,
        launch=launch,
        lengths=(16, 48),
        expect=lambda length: length - 1 if stores else 0,
        places=gpu.multiprocessors,
    )
    return work


def barrier(gpu: Any, *, function: str, warps: int) -> Work:
    """Work of contention/barrier: what the last one counted, or the last vote gave, must be right.

    A barrier that only waits leaves nothing that could be verified.
    """
    everyone, lengths, block = 2**32 - 1, (256, 1280), 32 * warps
    left = {"count": block, "vote": everyone}.get(function)

    def args(_: int) -> list[Any]:
        return [np.uint32(everyone)]

    if left is None:
        waiting: Work = gpu.chain(args=args, lengths=lengths, block=block)
        return waiting
    work: Work = _chains.chain(gpu, args=args, ends=lambda _: left, lengths=lengths, block=block)
    return work


def grid_barrier(gpu: Any, *, count: int) -> Work:
    """Work of contention/grid_barrier: each SM is in each part once in a sample, on lines that no other launch uses.

    Blocks are dealt to SMs in one order, from one GPC after the other; it may begin with another GPC the next time. The
    blocks that meet lie spread over that order, and the next launch has the next ones: so a sample is the same wherever
    the order begins. Each launch counts on all of its lines as often, which matters as much as where the SMs are.
    """
    grid, shared = gpu.multiprocessors, _clusters.most_shared(gpu)
    arrived, passed = gpu.alloc(grid * _LINES * _LINE), [0] * grid
    gpu.memset(arrived, 0)
    gpu.allow(gpu.kernel, shared)  # so that each SM has one block
    factor = pow(_placed.spread(grid), -1, grid)  # of the block, for its turn

    def launch(place: int, length: int, stamp: int) -> None:
        lines = arrived[place * _LINES * _LINE : (place + 1) * _LINES * _LINE]
        numbers = [np.uint32(n) for n in (_LINES.bit_length() - 1, passed[place], count, factor, place, length)]
        passed[place] += length
        gpu.enqueue(gpu.kernel, grid, 1, [lines, *numbers, stamp], shared)

    work: Work = _placed.chain(
        gpu, launch=launch, lengths=(_LINES, 2 * _LINES), expect=lambda length: length, places=grid
    )
    return work
