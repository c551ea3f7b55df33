"""Who reads from whom in dsm/throughput.cu, and so what the sums of each thread must be."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint32]
_WORD = 0xFFFFFFFF
_ONE_SIDED = ("all_to_one", "broadcast")


def workers(pattern: str, size: int) -> int:
    """How many blocks of a cluster read."""
    return {"all_to_one": 1, "broadcast": size - 1}.get(pattern, size)


@functools.cache
def reads(pattern: str, size: int, warps: int, rounds: int) -> Words:
    """How often each warp of each rank reads from each rank, in even and in odd rounds: (2, rank, warp, from rank)."""
    working = [rank for rank in range(size) if pattern not in _ONE_SIDED or (rank == 0) == (pattern == "all_to_one")]
    ranks, hops = np.array(working)[:, None, None], _hops(pattern, size, warps, rounds)
    fixed = {"pair": ranks ^ 1, "ring": (ranks + 1) % size, "broadcast": 0 * ranks}.get(pattern)
    there = np.broadcast_to((ranks + hops) % size if fixed is None else fixed, (ranks.size, rounds, warps))
    counts = np.zeros((2, size, warps, size), np.uint32)
    place = (ranks * warps + np.arange(warps)) * size + there
    for parity in (0, 1):
        counts[parity] = np.bincount(place[:, parity::2].ravel(), minlength=counts[0].size).reshape(counts[0].shape)
    return counts


def sums(words: Words, factors: Words, *, pattern: str, size: int, threads: int, unroll: int, rounds: int) -> Words:
    """What each thread of each block must have summed up, modulo 2^32: (blocks, threads).

    words: what a block holds for a factor of one, in the order of its bytes. factors: of each block.
    """
    per_thread = words.reshape(unroll, threads, -1).sum(axis=(0, 2), dtype=np.uint32).reshape(-1, 32)
    swapped = per_thread.reshape(-1, 2, 32)[:, ::-1].reshape(-1, 32)  # in odd rounds warps of a pair change places
    counts, clusters = reads(pattern, size, threads // 32, rounds), factors.reshape(-1, size)
    even, odd = ((clusters @ part.reshape(-1, size).T).reshape(-1, threads // 32, 1) for part in counts)
    return (even * per_thread + odd * swapped).reshape(-1, threads)


def _hops(pattern: str, size: int, warps: int, rounds: int) -> NDArray[np.int64]:
    """How far round the cluster a warp reads, by round and warp: 1 to size - 1."""
    turn, warp = np.arange(rounds)[:, None], np.arange(warps)[None, :]
    if pattern != "random":
        return 1 + (warp % (size - 1) + turn) % (size - 1)
    mixed = (turn * 64 + warp) * 0x9E3779B1 & _WORD
    mixed = (mixed ^ mixed >> 15) * 0x85EBCA6B & _WORD
    return 1 + ((mixed >> 16) * (size - 1) >> 16)
