"""Layouts of strided blocks, and what packing and unpacking them must leave in host memory."""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from gridstone import datatypes
from gridstone.datatypes.strided import Strided, strided

if TYPE_CHECKING:
    from numpy.typing import NDArray

_BLOCKS_PER_ROW = 16
_PERIOD = 65_521  # bytes; prime, so that a block which is off by whole rows or planes shows


@functools.cache  # a layout is asked for once per direction, form and word
def box(bytes: int, block: int, stride: int, dims: int) -> Strided:
    """A form of `bytes` bytes in `dims` dimensions: blocks, rows of up to 16 blocks, planes of rows.

    Rows and planes lie further apart than their content reaches, so that no two dimensions merge into one.
    """
    count = bytes // block
    if dims == 1 or count == 1:
        return strided(0, bytes)
    inner = [min(_BLOCKS_PER_ROW, count)] * (dims - 2)
    streams, reach = [], stride
    for n in inner:
        streams.insert(0, (n, reach))
        reach = (n + 1) * reach
    outer = count // math.prod(inner)
    return strided(0, block, [(outer, reach), *streams])


def sensible(bytes: int, block: int, stride: int, dims: int, largest: int) -> bool:
    """Cells that have as many dimensions as they say, in memory of a sensible size."""
    if dims == 1:
        return True
    count = bytes // block
    enough = count >= 2 * _BLOCKS_PER_ROW ** (dims - 2) and bytes % (block * _BLOCKS_PER_ROW ** (dims - 2)) == 0
    return block < stride and enough and box(bytes, block, stride, dims).span[1] <= largest


def places(form: Strided) -> list[int]:
    """Offsets of the blocks in the order of packing."""
    at = np.array([form.start], dtype=np.int64)
    for count, stride in form.streams:
        at = (at[:, None] + np.arange(count, dtype=np.int64) * stride).ravel()
    return list(at.tolist())


def marked(size: int) -> NDArray[np.uint8]:
    """Bytes of which neighbours differ, again after 65,521: setting up a cell is to take no longer than a copy."""
    period = np.arange(min(size, _PERIOD), dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(24)
    return np.resize(period.astype(np.uint8), size)


def done(form: Strided, memory: NDArray[np.uint8], packed: NDArray[np.uint8], direction: str) -> bool:
    """Whether packing took the blocks, or unpacking filled them and left the bytes between them poisoned (0xEE)."""
    if direction == "pack":
        return bool(np.array_equal(packed, datatypes.pack(form, memory)))
    wanted = np.full(memory.size, 0xEE, dtype=np.uint8)
    datatypes.unpack(form, packed, wanted)
    return bool(np.array_equal(memory, wanted))
