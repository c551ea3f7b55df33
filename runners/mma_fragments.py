"""How the lanes of a warp hold the matrices of mma.sync and mma.sp, after the PTX ISA's fragment layouts.

An array of places has a row per register and a column per lane; along its last axis lie the flat indexes, into a
row-major matrix, of the elements in that register, lowest bits first. A lane is 4 x group + member.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.int64]
_LANES = np.arange(32)
_GROUP, _MEMBER = _LANES // 4, _LANES % 4


def _word(bits: int) -> int:
    return 64 if bits == 64 else 32


@cache
def places_a(m: int, k: int, bits: int) -> Places:
    """A, row-major m x k: registers alternate between rows `group` and `group + 8`, then go on along k."""
    each = _word(bits) // bits
    halves = m // 8
    register = np.arange(halves * (k // (4 * each)))[:, None, None]
    row = _GROUP[None, :, None] + 8 * (register % halves)
    column = 4 * each * (register // halves) + each * _MEMBER[None, :, None] + np.arange(each)
    return np.asarray(row * k + column, dtype=np.int64)


@cache
def places_b(k: int, bits: int) -> Places:
    """B as the n x k matrix of its columns, n = 8: a lane has column `group`."""
    return places_a(8, k, bits)


@cache
def places_d(m: int, bits: int) -> Places:
    """D, row-major m x 8: two neighbouring columns of row `group`, then of `group + 8`; two f16 share a register."""
    element = np.arange(m // 4)[:, None]
    index = (_GROUP + 8 * (element // 2)) * 8 + 2 * _MEMBER + element % 2
    if bits == 16:
        return np.asarray(index.reshape(-1, 2, 32).transpose(0, 2, 1), dtype=np.int64)
    return np.asarray(index[:, :, None], dtype=np.int64)


_QUARTER, _HIGH = _LANES % 16 // 4, _LANES // 16


@cache
def places_a_quarters() -> Places:
    """A of m8n8k4 in f16, four matrices 8 x 4: lanes 4q to 4q + 3 have rows 0 to 3 of matrix q, 16 on, rows 4 to 7."""
    index = (8 * _QUARTER + _MEMBER + 4 * _HIGH)[None, :, None] * 4
    return np.asarray(index + 2 * np.arange(2)[:, None, None] + np.arange(2), dtype=np.int64)


@cache
def places_d_quarters(bits: int) -> Places:
    """D of m8n8k4 in f16, four matrices 8 x 8: rows as in A for f16; f32 spreads rows over pairs of lanes."""
    if bits == 16:
        index = (8 * _QUARTER + _MEMBER + 4 * _HIGH)[None, :, None] * 8
        return np.asarray(index + 2 * np.arange(4)[:, None, None] + np.arange(2), dtype=np.int64)
    element = np.arange(8)[:, None]
    row = _LANES % 2 + (element & 2) + 4 * _HIGH
    column = (element & 4) + (_LANES & 2) + element % 2
    return np.asarray((64 * _QUARTER + 8 * row + column)[:, :, None], dtype=np.int64)


def metadata(nibbles: NDArray[np.uint64], bits: int) -> NDArray[np.uint32]:
    """The metadata words of a sparse A of 16 rows, by lane, for selector 0; nibbles[row, chunk] has two indexes.

    16 and 32 bits: a lane has four chunks of row `group` in its lower half and of `group + 8` in its upper one. 8 and 4
    bits: a lane has eight chunks of one row. Lanes that the selector leaves out hold what must not matter.
    """
    words = np.full((8, 4), 0xE4E4E4E4, dtype=np.uint64)
    for part in range(nibbles.shape[1] // 4):
        chunks = nibbles[:, 4 * part : 4 * part + 4]
        four = (chunks << (4 * np.arange(4, dtype=np.uint64))).sum(axis=1, dtype=np.uint64)
        if bits >= 16:
            words[:, part] = four[:8] | four[8:] << np.uint64(16)
            continue
        lower = part % 2 == 0
        for half in range(2):
            place = words[:, part // 2 * 2 + half]
            rows = four[8 * half : 8 * half + 8]
            place[:] = rows if lower else place | rows << np.uint64(16)
    return words.ravel().astype(np.uint32)
