"""How a strided block is given to the kernel that packs it: words, divisors, grid, and pieces that fit it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone.datatypes.strided import Strided, strided

WIDTHS = (1, 2, 4, 8, 16)
THREADS = 256
_UNROLL = 4
_BLOCKS_PER_SM = 8
_MOST_WORDS = 1 << 31
_MOST_STREAMS = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One launch of kernels_cuda/datatype/strided.cu.

    word: bytes per load and store. dims: streams and the block. divisors: words of a block and steps of the inner
    streams, by which the kernel finds a word's place. strides: of the streams, the innermost first, in bytes.
    """

    word: int
    dims: int
    words: int
    divisors: tuple[int, ...]
    strides: tuple[int, ...]

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What the kernel takes after the two addresses, the first of which is that of the first block."""
        return (
            np.uint32(self.words),
            *(np.uint32(part) for d in self.divisors for part in (d, *magic(d))),
            *(np.int64(stride) for stride in self.strides),
        )

    def grid(self, multiprocessors: int) -> int:
        """Thread blocks of THREADS threads: as many as the GPU holds at once, or as there is work for."""
        return max(1, min(-(-self.words // (THREADS * _UNROLL)), _BLOCKS_PER_SM * multiprocessors))

    def defines(self, direction: str) -> dict[str, str]:
        """The macros of the kernel; direction: `pack` or `unpack`."""
        return {"WORD": str(self.word), "DIMS": str(self.dims), f"DIRECTION_{direction.upper()}": "1"}


def plan(form: Strided, alignment: int = 16) -> Plan:
    """How a form of at most four dimensions is packed; alignment: of the addresses of its first block and of the
    packed bytes. Raises ValueError for a form that is empty or has to be taken in pieces."""
    if form.size == 0 or len(form.counts) > _MOST_STREAMS:
        raise ValueError(f"a form of 1 to {_MOST_STREAMS + 1} dimensions that holds bytes is needed, got {form}")
    word = math.gcd(WIDTHS[-1], alignment, form.block, *form.strides)
    words = form.size // word
    if words >= _MOST_WORDS:
        raise ValueError(f"{words} words are too many for one launch")
    inward = list(reversed(form.streams))
    counts = [count for count, _ in inward] + [1] * (_MOST_STREAMS - len(inward))
    strides = [stride for _, stride in inward] + [0] * (_MOST_STREAMS - len(inward))
    return Plan(
        word=word,
        dims=form.dimensions,
        words=words,
        divisors=(form.block // word, counts[0], counts[1]),
        strides=tuple(strides),
    )


def magic(divisor: int) -> tuple[int, int]:
    """Multiplier and shift with which n / divisor is ((n multiplier >> 32) + n) >> shift, for n below 2^31.

    Granlund and Montgomery, Division by invariant integers using multiplication (1994), theorem 4.2.
    """
    shift = (divisor - 1).bit_length()
    return ((1 << 32) * ((1 << shift) - divisor)) // divisor + 1, shift


def pieces(form: Strided) -> Iterator[tuple[int, Strided]]:
    """Forms that one launch can take, which together pack what `form` does, each with its offset in the packed
    bytes."""
    if form.size == 0:
        return
    if len(form.counts) <= _MOST_STREAMS and form.size < _MOST_WORDS:
        yield 0, form
        return
    streams = list(form.streams)
    if not streams:
        count, step, inner = form.block, 1, strided(form.start, 1)
    else:
        (count, step), inner = streams[0], strided(form.start, form.block, streams[1:])
    each = max(1, (_MOST_WORDS - 1) // inner.size) if len(inner.counts) < _MOST_STREAMS else 1
    for first in range(0, count, each):
        steps = min(each, count - first)
        part = strided(inner.start + first * step, inner.block, [(steps, step), *inner.streams])
        for offset, piece in pieces(part):
            yield first * inner.size + offset, piece
