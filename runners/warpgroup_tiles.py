"""Kernels of kernels_cuda/wgmma with their operands on the GPU: a chain of one warpgroup, or every SM at work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content

_warpgroup = content.load_module(Path(__file__).with_name("warpgroup.py"))
_formats = _warpgroup.formats
UNROLL, OPERANDS = _warpgroup.UNROLL, _formats.OPERANDS


def shape_of(axes: Mapping[str, Any], warps: int = 4) -> Any:
    """The shape that axes speak of."""
    return _warpgroup.Shape(
        a_type=axes["a_type"],
        b_type=axes["b_type"],
        acc_type=axes["acc_type"],
        n=axes["tile_n"],
        sparse=axes.get("sparse", False),
        warpgroups=warps // 4,
        ilp=axes.get("ilp", 1),
    )


class Tiles:
    """Operands of a shape on the GPU, and a check of the cell's kernel with others that have an exact result.

    once: the length that makes the kernel go once through its loop.
    """

    def __init__(self, gpu: Any, shape: Any, *, once: int, operands: str = "normal") -> None:
        self._gpu, self._shape, self._once, self._rng = gpu, shape, once, np.random.default_rng()
        self._out = gpu.alloc(4 * shape.words_out)
        self.args = [*self._upload(self._drawn(lambda dtype: _formats.alphabet(dtype, operands))), self._out]

    def verify(self) -> bool:
        """Whether one iteration of the loop leaves in the first block what numpy makes of the same operands."""
        gpu, shape = self._gpu, self._shape
        given = self._drawn(_formats.exact)
        args = [*self._upload(given), self._out, np.uint32(self._once), gpu.bench.slot(0)]
        gpu.memset(self._out, 0xFF)
        gpu.enqueue(gpu.kernel, 1, 128 * shape.warpgroups, args, shape.shared)
        found = _warpgroup.accumulators(shape, self._out.get())
        return bool((found == _warpgroup.expected(shape, given)).all())

    def _drawn(self, letters: Callable[[str], Any]) -> Any:
        shape = self._shape
        return _warpgroup.operands(shape, letters(shape.a_type), letters(shape.b_type), self._rng)

    def _upload(self, given: Any) -> list[Any]:
        arrays = (given.a, given.b, _warpgroup.metadata(self._shape, given))
        return [self._on_device(np.ascontiguousarray(array).view(np.uint8).ravel()) for array in arrays]

    def _on_device(self, array: Any) -> Any:
        memory = self._gpu.alloc(array.nbytes)
        memory.set(array)
        return memory


def chain(gpu: Any, axes: Mapping[str, Any], lengths: tuple[int, int]) -> Any:
    """A chain of one warpgroup's instructions, each counted."""
    shape = shape_of(axes)
    tiles = Tiles(gpu, shape, once=UNROLL)
    return gpu.chain(
        args=lambda _length: tiles.args, lengths=lengths, block=128, shared=shape.shared, verify=tiles.verify
    )


def fill(gpu: Any, axes: Mapping[str, Any], *, warps: int, operands: str, rounds: int) -> Any:
    """Every SM at work with `warps` warps for `rounds` iterations."""
    shape = shape_of(axes, warps)
    tiles = Tiles(gpu, shape, once=1, operands=operands)
    done = gpu.multiprocessors * shape.warpgroups * UNROLL * rounds
    return gpu.fill(
        block=32 * warps,
        args=[*tiles.args, np.uint32(rounds)],
        work=done * shape.operations,
        shared=shape.shared,
        verify=tiles.verify,
    )


def rounds_for(cycles: float, n: int, warps: int) -> int:
    """Iterations that take about so many cycles where the tensor cores are busy."""
    return max(8, int(cycles / (UNROLL * max(n // 2, 20) * (warps // 4))))
