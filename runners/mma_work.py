"""Work of kernels_cuda/mma/sync.cu: a chain of one accumulator, and a full GPU; both checked by a tile of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_tiles = content.load_module(Path(__file__).with_name("mma_tile.py"))

UNROLL = 16  # products of an accumulator per iteration of the kernel's loop, at most: a multiple of what it has
_LENGTHS = (256, 1280)
_UNREAD = 1024  # stamps from here on are nobody's


def chain(gpu: Any, shape: Any) -> Work:
    """Products that wait for each other through their accumulator, of one warp."""
    rng = np.random.default_rng()
    tiles = {length: _Loaded(gpu, _tiles.tile(shape, length, exact=True, rng=rng)) for length in _LENGTHS}
    left = gpu.alloc(8 * 32 * _tiles.registers_d(shape))
    launched: list[int] = []

    def args(length: int) -> list[Any]:
        launched.append(length)
        return [*tiles[length].args, left]

    def expect() -> list[int]:
        wrong, launched[:] = [0] * len(launched), []
        return wrong

    def warm() -> None:
        """Fetch the code into every SM: subroutines take 700 cycles of it, and blocks go from SM to SM."""
        some = [*tiles[_LENGTHS[0]].args, left, np.uint32(UNROLL), gpu.bench.slot(_UNREAD)]
        gpu.enqueue(gpu.kernel, gpu.multiprocessors, 32, some)

    return Work(
        clock=(work := gpu.chain(args=args, lengths=_LENGTHS, block=32, before=warm, expect=expect)).clock,
        verify=_all(work.verify, _one_tile(gpu, shape, left, warps=1, ilp=1, rng=rng)),
    )


def fill(gpu: Any, shape: Any, *, warps: int, ilp: int, steps: int) -> Work:
    """`warps` on each SM with `ilp` accumulators each, of `steps` products; the work is operations, two per product."""
    rng = np.random.default_rng()
    loaded = _Loaded(gpu, _tiles.tile(shape, steps, exact=True, rng=rng))
    left = gpu.alloc(8 * 32 * _tiles.registers_d(shape) * warps * ilp)
    operations = 2 * shape.m * shape.n * shape.k * (4 if _tiles.quarters(shape) else 1)
    work = gpu.fill(
        block=32 * warps,
        args=[*loaded.args, left, np.uint32(steps)],
        work=gpu.multiprocessors * warps * ilp * steps * operations,
    )
    return Work(
        clock=work.clock,
        verify=_all(
            lambda: not gpu.bench.stamps(gpu.multiprocessors)["result"].any(),
            _one_tile(gpu, shape, left, warps=warps, ilp=ilp, rng=rng),
        ),
        close=work.close,
    )


class _Loaded:
    """A tile in device memory."""

    def __init__(self, gpu: Any, tile: Any) -> None:
        self.words = gpu.alloc(tile.words.nbytes).view(tile.words.dtype)
        self.words.set(tile.words)
        self.metadata = gpu.alloc(tile.metadata.nbytes).view(np.uint32)
        self.metadata.set(tile.metadata)
        self.args = [self.words, self.metadata]


def _one_tile(gpu: Any, shape: Any, left: Any, *, warps: int, ilp: int, rng: np.random.Generator) -> Callable[[], bool]:
    """One iteration of the same kernel on numbers that use all bits of their format, against float64."""

    def check() -> bool:
        tile = _tiles.tile(shape, UNROLL, exact=False, rng=rng)
        loaded = _Loaded(gpu, tile)
        gpu.memset(left, 0xFF)
        gpu.enqueue(gpu.kernel, 1, 32 * warps, [*loaded.args, left, np.uint32(UNROLL), gpu.bench.slot(0)])
        gpu.synchronize()
        registers = _tiles.registers_d(shape)
        words = left.get().view(tile.words.dtype)[: warps * ilp * registers * 32]
        return bool(tile.matches(words.reshape(warps * ilp, registers, 32)))

    return check


def _all(*checks: Callable[[], bool | None] | None) -> Callable[[], bool]:
    return lambda: all(check() is not False for check in checks if check is not None)
