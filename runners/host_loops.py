"""The loops that host probes time, compiled by numba. They run without the GIL, so that threads can."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numba import njit

PAGE = 4096
PERIOD = 1021  # small whole numbers: every STREAM kernel is exact on them, in any order of operations

_ODD = np.uint64(0x9E3779B97F4A7C15)

_libc_memcpy = ctypes.CDLL(None).memcpy
_libc_memcpy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
_libc_memcpy.restype = ctypes.c_void_p


@njit(nogil=True)
def touch(memory: Any) -> None:
    """Write one byte to each page of a uint8 array, from the thread whose memory node it shall lie on."""
    for i in range(0, memory.size, PAGE):
        memory[i] = 0


@njit(nogil=True)
def count_up(values: Any, first: int) -> None:
    """values[i] = (first + i) modulo PERIOD."""
    x = first % PERIOD
    for i in range(values.size):
        values[i] = x
        x += 1
        if x == PERIOD:
            x = 0


@njit(nogil=True)
def mark(words: Any, first: int) -> None:
    """words[i] (uint64) = (first + i) times an odd constant: no two words of an array are the same."""
    x = np.uint64(first) * _ODD
    for i in range(words.size):
        words[i] = x
        x += _ODD


@njit(nogil=True)
def copy(target: Any, a: Any, b: Any, factor: float, passes: int) -> None:
    """target = a, `passes` times."""
    for _ in range(passes):
        for i in range(target.size):
            target[i] = a[i]


@njit(nogil=True)
def scale(target: Any, a: Any, b: Any, factor: float, passes: int) -> None:
    """target = factor a, `passes` times."""
    for _ in range(passes):
        for i in range(target.size):
            target[i] = factor * a[i]


@njit(nogil=True)
def add(target: Any, a: Any, b: Any, factor: float, passes: int) -> None:
    """target = a + b, `passes` times."""
    for _ in range(passes):
        for i in range(target.size):
            target[i] = a[i] + b[i]


@njit(nogil=True)
def triad(target: Any, a: Any, b: Any, factor: float, passes: int) -> None:
    """target = a + factor b, `passes` times."""
    for _ in range(passes):
        for i in range(target.size):
            target[i] = a[i] + factor * b[i]


@njit(nogil=True)
def memcpy(target: Any, source: Any, passes: int) -> None:
    """The C library's memcpy over two uint8 arrays of one size, `passes` times."""
    for _ in range(passes):
        _libc_memcpy(target.ctypes.data, source.ctypes.data, target.size)


@njit(nogil=True)
def gather(target: Any, table: Any, order: Any, cursor: Any, row_bytes: int, passes: int) -> None:
    """Copy rows of `table` (uint8) to fill `target` (uint8), `passes` times over.

    order: row numbers (uint32), taken in turn from cursor[0] on and from the start again at the end, so that
    one pass does not find the rows of the last in a cache. cursor[0] is left where the last pass ended.
    """
    k = cursor[0]
    for _ in range(passes):
        for i in range(0, target.size, row_bytes):
            _libc_memcpy(target.ctypes.data + i, table.ctypes.data + np.int64(order[k]) * row_bytes, row_bytes)
            k += 1
            if k == order.size:
                k = 0
    cursor[0] = k


@njit(nogil=True)
def chase(ring: Any, place: Any, hops: int) -> Any:
    """Follow `hops` links, each the index (uint64) of the next, from `place`; the index arrived at.

    Unsigned throughout: numba lets signed indices count from the end, which would lengthen the chain.
    """
    for _ in range(hops):
        place = ring[place]
    return place


@njit(nogil=True)
def pack_blocks(packed: Any, memory: Any, block: int, counts: Any, strides: Any) -> None:
    """Copy blocks of `memory` (uint8) to `packed`, one after the other; three streams around them, outermost first."""
    to = 0
    for i in range(counts[0]):
        for j in range(counts[1]):
            at = i * strides[0] + j * strides[1]
            for _ in range(counts[2]):
                _libc_memcpy(packed.ctypes.data + to, memory.ctypes.data + at, block)
                to += block
                at += strides[2]


@njit(nogil=True)
def unpack_blocks(packed: Any, memory: Any, block: int, counts: Any, strides: Any) -> None:
    """Copy the bytes of `packed` to blocks of `memory` (uint8); as `pack_blocks`, the other way."""
    source = 0
    for i in range(counts[0]):
        for j in range(counts[1]):
            at = i * strides[0] + j * strides[1]
            for _ in range(counts[2]):
                _libc_memcpy(memory.ctypes.data + at, packed.ctypes.data + source, block)
                source += block
                at += strides[2]
