"""How a strided block is given to the kernel that packs it: words, divisors, grid, and pieces that fit it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone.datatypes.strided import Strided, strided

WIDTHS = (1, 2, 4, 8, 16)
UNROLLS = (1, 2, 4)
_TOGETHER = {1: 4, 2: 4, 4: 2, 8: 2, 16: 4}  # words of a thread, by their width
_BURST = 64  # bytes that memory moves at a time
_CROWDED = 4  # words that come with one burst: fewer, and it is memory that is waited for, not instructions
_THREADS, _FEW_THREADS = 256, 128
# So many words leave multiprocessors without any in blocks of threads as large; up to so many are fewer than threads.
_FEW, _MANY = 1 << 14, 1 << 18
_MOST_WORDS = 1 << 31
_MOST_STREAMS = 3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One launch of kernels_cuda/datatype/strided.cu.

    word: bytes per load and store. unroll: words of a thread at a time. dims: streams and the block. divisors: words of
    a block and steps of the inner streams, by which the kernel finds a word's place. strides: of the streams, the
    innermost first, in bytes.
    """

    word: int
    unroll: int
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

    @property
    def threads(self) -> int:
        """Threads of a block: few where all multiprocessors would not have some of the words otherwise."""
        return _FEW_THREADS if self.words <= _FEW else _THREADS

    @property
    def grid(self) -> int:
        """Blocks of threads. Each takes its words and leaves: the front stays narrow in memory, and packing up to 8 %
        faster on an H100 than by blocks that stay and go on."""
        return -(-self.words // (self.threads * self.unroll))

    def defines(self, direction: str) -> dict[str, str]:
        """The macros of the kernel; direction: `pack` or `unpack`."""
        macros = {"WORD": self.word, "UNROLL": self.unroll, "DIMS": self.dims, f"DIRECTION_{direction.upper()}": 1}
        return {name: str(value) for name, value in macros.items()}


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
        unroll=_TOGETHER[word] if words > _MANY and _crowd(form, word) >= _CROWDED else 1,
        dims=form.dimensions,
        words=words,
        divisors=(form.block // word, counts[0], counts[1]),
        strides=tuple(strides),
    )


def _crowd(form: Strided, word: int) -> int:
    """Words in a burst of memory, about."""
    blocks = max(1, _BURST // max(1, abs(form.streams[-1][1]))) if form.streams else 1
    return min(form.block, _BURST) * blocks // word


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
