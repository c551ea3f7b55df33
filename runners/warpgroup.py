"""Operands of wgmma_tile.cuh, and what the accumulators must hold after the unrolled loop has run once.

Rows of K as the kernels take them, metadata of sparse A as threads hold it, and accumulators read out of their
fragments (PTX ISA, "Asynchronous warpgroup level matrix instructions"; the metadata by the figures for mma.sp, which
wgmma shares).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from gridstone import content

formats = content.load_module(Path(__file__).with_name("number_formats.py"))
Array: TypeAlias = "np.ndarray[Any, Any]"

UNROLL = 8  # instructions per iteration of every kernel of kernels_cuda/wgmma
_STEP = 32  # bytes of a row of A that an instruction takes
_PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A variant of wgmma: m64 n k of its types, by how many warpgroups, each with `ilp` accumulators."""

    a_type: str
    b_type: str
    acc_type: str
    n: int
    sparse: bool = False
    warpgroups: int = 1
    ilp: int = 1

    @property
    def k(self) -> int:
        """K of one instruction; twice that of the dense one where A is sparse."""
        return _STEP * 8 // int(formats.BITS[self.a_type]) * (2 if self.sparse else 1)

    @property
    def operations(self) -> float:
        """Multiplications and additions of one instruction, those by zeros of a sparse A included."""
        return 2.0 * 64 * self.n * self.k

    @property
    def slices(self) -> int:
        """How many instructions' worth of K the operands hold."""
        return 2 if self.sparse else 4

    @property
    def shared(self) -> int:
        """Bytes of shared memory that the operands take."""
        return (64 * self.warpgroups + self.n) * 128

    @property
    def words_out(self) -> int:
        """32-bit words of all accumulators."""
        return self.warpgroups * self.ilp * 64 * self.n // (2 if self.acc_type == "f16" else 1)


@dataclass(frozen=True, kw_only=True)
class Operands:
    """a: (warpgroups * 64, slices, elements) codes. b: (n, slices, elements) codes. kept: (warpgroups * 64, slices,
    groups) numbers of the pair (tf32: the one) that a group keeps, empty where A is dense."""

    a: Array
    b: Array
    kept: Array


def operands(shape: Shape, letters_a: Array, letters_b: Array, rng: np.random.Generator) -> Operands:
    """Random operands of the letters given; sparse ones with a random pattern."""
    rows, per_step = 64 * shape.warpgroups, _STEP // letters_a.dtype.itemsize
    groups = (per_step if shape.a_type == "tf32" else per_step // 2) if shape.sparse else 0
    return Operands(
        a=formats.draw(letters_a, (rows, shape.slices, per_step), rng),
        b=formats.draw(letters_b, (shape.n, shape.slices, per_step * (2 if shape.sparse else 1)), rng),
        kept=rng.integers(0, 2 if shape.a_type == "tf32" else len(_PAIRS), (rows, shape.slices, groups)),
    )


def metadata(shape: Shape, given: Operands) -> Array:
    """The metadata register of each thread: uint32 of shape (warpgroups, slices, 128).

    Four bits per group: two indices, the lower first. With 16 bits and more a thread has four groups of its row and, in
    its upper half, of the row 8 below; with 8 bits it has eight groups of one of the two rows.
    """
    if not shape.sparse:
        return np.zeros((shape.warpgroups, shape.slices, 128), np.uint32)
    nibbles = np.array([0b0100, 0b1110]) if shape.a_type == "tf32" else np.array([a | b << 2 for a, b in _PAIRS])
    bits = nibbles[given.kept].astype(np.uint64)
    count = bits.shape[-1] // 2
    shifts = 4 * np.arange(count, dtype=np.uint64)
    # (warpgroup, warp, which of the two rows, group of threads, slice, half of K)
    parts = (bits.reshape(-1, 4, 2, 8, shape.slices, 2, count) << shifts).sum(axis=-1)
    if formats.BITS[shape.a_type] == 8:
        threads = parts.transpose(0, 4, 1, 3, 5, 2)  # of a quad: both rows of the first half, then of the second
    else:
        both = parts[:, :, 0] | parts[:, :, 1] << np.uint64(16)  # (warpgroup, warp, group of threads, slice, half of K)
        threads = np.stack([both, both], axis=-2).transpose(0, 3, 1, 2, 4, 5)  # the selector takes the first two
    return np.asarray(threads.reshape(shape.warpgroups, shape.slices, 128), dtype=np.uint32)


def dense(shape: Shape, given: Operands) -> Array:
    """A with its zeros, as float64 of shape (warpgroups * 64, slices, k)."""
    values = _values(shape.a_type, given.a)
    if not shape.sparse:
        return values
    rows, slices, groups = given.kept.shape
    wide = 2 if shape.a_type == "tf32" else 4
    full = np.zeros((rows, slices, groups, wide))
    places = given.kept[..., None] if wide == 2 else np.array(_PAIRS)[given.kept]
    np.put_along_axis(full, places, values.reshape(rows, slices, groups, wide // 2), axis=-1)
    return full.reshape(rows, slices, groups * wide)


def expected(shape: Shape, given: Operands) -> Array:
    """The accumulators after one iteration from zero: float64 of shape (warpgroups, ilp, 64, n)."""
    a, b = dense(shape, given), _values(shape.b_type, given.b)
    products = np.stack([a[:, s] @ b[:, s].T for s in range(shape.slices)])
    taken = [[j % shape.slices for j in range(turn, UNROLL, shape.ilp)] for turn in range(shape.ilp)]
    sets = np.stack([products[turn].sum(axis=0) for turn in taken])
    return sets.reshape(shape.ilp, shape.warpgroups, 64, shape.n).swapaxes(0, 1)


def accumulators(shape: Shape, words: Array) -> Array:
    """What the kernels wrote, as float64 of shape (warpgroups, ilp, 64, n)."""
    lead, blocks = (shape.warpgroups, shape.ilp), shape.n // 8
    if shape.acc_type == "f16":  # (block of 8 columns, row of two, warp, group, pair of columns, column)
        pairs = words.view(np.float16).reshape(*lead, blocks, 2, 4, 8, 4, 2).transpose(0, 1, 4, 3, 5, 2, 6, 7)
        return np.asarray(pairs.reshape(*lead, 64, shape.n), dtype=np.float64)
    kind = np.dtype(np.float32 if shape.acc_type == "f32" else np.int32)
    # (block of 8 columns, row of two, column, warp, group, pair of columns)
    single = words.view(kind).reshape(*lead, blocks, 2, 2, 4, 8, 4).transpose(0, 1, 5, 3, 6, 2, 7, 4)
    return np.asarray(single.reshape(*lead, 64, shape.n), dtype=np.float64)


def _values(dtype: str, codes: Array) -> Array:
    if dtype != "b1":
        return np.asarray(formats.decode(dtype, codes))
    return np.unpackbits(codes, axis=-1, bitorder="little").astype(np.float64)
