"""Fences and barriers by how far they reach: chains of them, and what each must have left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_codes = content.load_module(_here.with_name("contention_codes.py"))
_chains = content.load_module(_here.with_name("known_chains.py"))
_placed = content.load_module(_here.with_name("placed_chains.py"))
_sms = content.load_module(_here.with_name("whole_sm.py"))
_LINE = 128
_APART = 257  # lines between those that a chain of fences stores to one after the other, as the kernel has it
_STARTS = 2**16  # lines of which a chain of fences may store to any first: with those that follow, some 15 MB


def fence(gpu: Any, *, stores: bool, more: int) -> Work:
    """Work of contention/fence, on one SM at a time: the last store of a chain must be seen.

    A fence waits until L2 has the store, and how far that is hangs on the line: each chain has lines of its own, spread
    over L2, and other ones in the next sample. more: how many fences the longer chain has more, a multiple of 16.
    """
    lengths, shared, step = (16, 16 + more), _sms.most_shared(gpu), _placed.spread(_STARTS)
    memory = gpu.alloc((_STARTS + lengths[1] * _APART) * _LINE)
    gpu.memset(memory, 0)
    gpu.allow(gpu.kernel, shared)  # so that each SM has one block

    def launch(place: int, sample: int, length: int, stamp: int) -> None:
        start = (sample * gpu.multiprocessors + place) * step % _STARTS
        args = [memory[start * _LINE :], np.uint32(place), np.uint32(length), stamp]
        gpu.enqueue(gpu.kernel, gpu.multiprocessors, 1, args, shared)

    work: Work = _placed.chain(
        gpu,
        launch=launch,
        lengths=lengths,
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
    """Work of contention/grid_barrier: each SM is in each part once in a sample, on lines that none other has.

    Blocks are dealt to SMs in one order, from one GPC after the other; it may begin with another GPC the next time. The
    blocks that meet lie spread over that order, and the next launch has the next ones: so a sample is the same wherever
    the order begins. Each launch counts on all of its lines as often, which matters as much as where the SMs are: they
    lie apart by megabytes, in both halves of L2 and in all its slices, and no other launch or sample has them. Ahead of
    all samples some meet on each line once, which brings it to L2: in between, that would move where the order begins.
    """
    grid, shared = gpu.multiprocessors, _sms.most_shared(gpu)
    lines, passed = _codes.MEETING_LINES, [0] * (_codes.MEETING_SAMPLES * grid)
    arrived = gpu.alloc(_codes.meeting_bytes(grid))
    gpu.memset(arrived, 0)
    gpu.allow(gpu.kernel, shared)  # so that each SM has one block
    factor = pow(_placed.spread(grid), -1, grid)  # of the block, for its turn

    def launch(place: int, sample: int, length: int, stamp: int) -> None:
        window = (sample * grid + place) % len(passed)
        numbers = (_codes.NEXT_LINE, lines.bit_length() - 1, passed[window], count, factor, place, length)
        args = [arrived[window * _codes.NEXT_LAUNCH :], *map(np.uint32, numbers), stamp]
        gpu.enqueue(gpu.kernel, grid, 1, args, shared)
        passed[window] += length

    for window in range(len(passed)):
        launch(window % grid, window // grid, lines, gpu.bench.slot(0))
    work: Work = _placed.chain(
        gpu, launch=launch, lengths=(lines, 3 * lines), expect=lambda length: length, places=grid
    )
    return work
