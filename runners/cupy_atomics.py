"""What atomics must leave behind: the same operations by NumPy, with the rounding of each type."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

_FLOATS = {"f32": np.float32, "f64": np.float64}
_WORD = 2**32
_EXACT = {"f16x2": 2**11, "bf16x2": 2**8}  # whole numbers up to here have no rounding
_LAUNCHES = 30  # between two poisonings, at most
_STARTS = (3.0, 5.0)  # what a word of one number, or of two, holds at first


def operands(function: str, dtype: str) -> tuple[int, int, int]:
    """Bits of what a word holds at first, of the first operand, and of what a compare-and-swap stores; at random."""
    rng = np.random.default_rng()
    if function != "add" or dtype in ("u32", "u64"):
        initial, first, swap = (int(v) for v in rng.integers(1, 2**31, 3))
        return initial, (initial if function == "cas" else first), swap
    pair = rng.integers(1, 9, 4)
    initial, first = (_encode(dtype, [0.0625 * v for v in half]) for half in (pair[:2], pair[2:]))
    return initial, first, 0


def after(function: str, dtype: str, given: tuple[int, int, int], steps: int) -> tuple[int, int]:
    """Bits of what the last of `steps` atomics returned, each the operand of the next, and of the word."""
    memory, x, swap = given
    if function == "add" and dtype not in ("u32", "u64"):
        return _after_additions(dtype, memory, x, steps)
    modulus = 2**64 if dtype == "u64" else _WORD
    for _ in range(steps):
        if function == "add":
            x, memory = memory, (memory + x) % modulus
        elif function == "min":
            x, memory = memory, min(memory, x)
        elif function == "exch":
            x, memory = memory, x
        else:
            x, memory = memory, swap if memory == x else memory
    return x, memory


def chained(function: str, dtype: str, given: tuple[int, int, int], steps: int, ways: int) -> int:
    """All that the lanes and the words of shared_atomic_chain.cu hold after `steps`, summed up modulo 2^64.

    `ways` lanes of 32 share a word, or there is one lane. In which order lanes come does not change the sum.
    """
    if ways == 1:
        return sum(after(function, dtype, given, steps)) % 2**64
    memory, first, swap = given
    words, lanes = 32 // ways, np.arange(32)
    if function == "exch":
        return words * memory + sum(first + int(lane) for lane in lanes)
    if function == "cas":
        return (words + 32) * swap
    smallest = [min(memory, first + word * ways) for word in range(words)]
    return sum((1 + ways) * value for value in smallest)


def _after_additions(dtype: str, memory: int, x: int, steps: int) -> tuple[int, int]:
    m, v = _decode(dtype, memory), _decode(dtype, x)
    with np.errstate(over="ignore"):
        for _ in range(steps):
            m, v = _rounded(dtype, m + v), m
    return _encode(dtype, v), _encode(dtype, m)


def _rounded(dtype: str, values: Any) -> Any:
    """float32 sums of bfloat16 rounded to bfloat16, to nearest even; other types round themselves."""
    if dtype != "bf16x2":
        return values
    bits = values.view(np.uint32)
    kept = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    return kept.astype(np.uint32).view(np.float32)


def _encode(dtype: str, values: Any) -> int:
    """Bits of a number, or of two packed ones, the first in the lower half."""
    if dtype in _FLOATS:
        kind = np.uint32 if dtype == "f32" else np.uint64
        return int(np.asarray(values, _FLOATS[dtype]).ravel()[:1].view(kind)[0])
    if dtype == "f16x2":
        return int(np.asarray(values, np.float16).view(np.uint32)[0])
    halves = np.asarray(values, np.float32).view(np.uint32) >> 16
    return int(halves[0] | halves[1] << 16)


def _decode(dtype: str, bits: int) -> Any:
    if dtype in _FLOATS:
        return np.array([bits], np.uint32 if dtype == "f32" else np.uint64).view(_FLOATS[dtype])
    if dtype == "f16x2":
        return np.array([bits], np.uint32).view(np.float16)
    return np.array([bits << 16 & 0xFFFF0000, bits & 0xFFFF0000], np.uint32).view(np.float32)


@functools.cache
def _meant(blocks: int, threads: int, count: int) -> Any:
    """The operand of each thread where it is a whole number: blocks x warps x lanes that share a word x words."""
    return 1000 + 2 * np.arange(blocks * threads, dtype=np.uint64).reshape(blocks, threads // 32, -1, count)


@dataclass(frozen=True, kw_only=True)
class Fill:
    """Atomics of atomic_fill.cu: each thread makes `rounds` on one of `count` words of its warp, or of all warps."""

    function: str
    dtype: str
    source: str
    pattern: str
    count: int
    rounds: int

    @property
    def kind(self) -> Any:
        """The NumPy type of a word."""
        return np.uint64 if self.dtype in ("u64", "f64") else np.uint32

    @property
    def initial(self) -> int:
        """Bits of every word before the first launch; odd, so that no even operand equals it."""
        if self.dtype in ("u32", "u64"):
            return 2**31 + 1
        return _encode(self.dtype, _STARTS)

    @property
    def operands(self) -> tuple[int, int, int]:
        """Bits of the initial word, of the operand of thread 0, and of the one that takes a float's back."""
        if self.dtype in ("u32", "u64"):
            return self.initial, 1000, 0
        return self.initial, _encode(self.dtype, [1.0, 1.0]), _encode(self.dtype, [-1.0, -1.0])

    def sharers(self, blocks: int, threads: int) -> int:
        """How many threads share a word."""
        warps = threads // 32 * (1 if self.source == "shared" else blocks) if self.pattern == "all" else 1
        return warps * (32 // self.count)

    def spacing(self, blocks: int, threads: int) -> int:
        """Of so many threads that share a word one adds to it, the others add zero.

        1 but where what is added and kept could leave the exact numbers.
        """
        exact = _EXACT.get(self.dtype)
        if exact is None:
            return 1
        most = exact // (2 if self.source == "shared" else _LAUNCHES + 2)  # shared memory starts anew with every launch
        return max(1, -(-self.sharers(blocks, threads) // most))

    def right(self, words: Any, launches: int, blocks: int, threads: int) -> bool:
        """Whether words (one per thread) are what `launches` launches of `blocks` blocks leave."""
        if launches < 1:  # nothing came to the end: words that were left alone are what no launch leaves
            return False
        found = words.reshape(blocks, threads // 32, 32)
        if self.pattern == "all":
            # one set of words for a block of shared memory, or for the whole GPU: the first warp's place holds it
            axes: tuple[int, ...] = (1, 2) if self.source == "shared" else (0, 1, 2)
            found = found[:, 0] if self.source == "shared" else found[0, 0]
        else:
            axes = (2,)
        used, rest = found[..., : self.count], found[..., self.count :]
        times = 1 if self.source == "shared" else launches  # shared memory starts anew with every launch
        if self.dtype in ("u32", "u64"):
            right = self._numbers(used, _meant(blocks, threads, self.count), axes, times)
        else:
            kept = times * -(-self.sharers(blocks, threads) // self.spacing(blocks, threads))
            right = bool((used == self.kind(_encode(self.dtype, [start + kept for start in _STARTS]))).all())
        return right and bool((rest == self.kind(self.initial)).all())

    def _numbers(self, used: Any, meant: Any, axes: tuple[int, ...], times: int) -> bool:
        if self.function == "min":
            return bool((used == meant.min(axis=axes)).all())
        if self.function in ("exch", "cas"):
            low, high = meant.min(axis=axes), meant.max(axis=axes)
            place = (used.astype(np.uint64) - 1000) // 2
            mine = place % 32 % self.count == np.arange(self.count)
            return bool(((used >= low) & (used <= high) & (used % 2 == 0) & mine).all())
        total = np.uint64(self.initial) + np.uint64(times * self.rounds) * meant.sum(axis=axes)
        return bool((used == total.astype(self.kind)).all())
