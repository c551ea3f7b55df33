"""The reference of dsm/throughput.cu against a walk thread by thread and round by round."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from gridstone.content import folder, load_module

THREADS, UNROLL, VECTOR = 128, 2, 8
PATTERNS = ("pair", "ring", "all_to_one", "broadcast", "all_to_all", "random")


@pytest.fixture(scope="module")
def reads() -> ModuleType:
    return load_module(folder("runners") / "cluster_reads.py")


def target(pattern: str, rank: int, size: int, warp: int, turn: int) -> int:
    if pattern == "pair":
        return rank ^ 1
    if pattern == "ring":
        return (rank + 1) % size
    if pattern == "broadcast":
        return 0
    hop = 1 + (warp + turn) % (size - 1)
    if pattern == "random":
        mixed = (turn * 64 + warp) * 0x9E3779B1 % 2**32
        mixed = (mixed ^ mixed >> 15) * 0x85EBCA6B % 2**32
        hop = 1 + ((mixed >> 16) * (size - 1) >> 16)
    return (rank + hop) % size


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("size", [2, 4, 6])
def test_sums_are_those_of_every_single_read(reads: ModuleType, pattern: str, size: int) -> None:
    rng = np.random.default_rng(size)
    rounds, blocks = 6, 2 * size
    words = rng.integers(0, 2**32, THREADS * UNROLL * VECTOR // 4, dtype=np.uint32)
    factors = rng.integers(0, 2**32, blocks, dtype=np.uint32) | np.uint32(1)
    works = {"all_to_one": lambda rank: rank == 0, "broadcast": lambda rank: rank != 0}.get(pattern, lambda rank: True)
    expected = np.zeros((blocks, THREADS), np.uint64)
    for block in range(blocks):
        rank, first = block % size, block - block % size
        if not works(rank):
            continue
        for thread in range(THREADS):
            for turn in range(rounds):
                there = first + target(pattern, rank, size, thread // 32, turn)
                for j in range(UNROLL):
                    at = (j * THREADS + (thread ^ 32 * (turn & 1))) * VECTOR // 4
                    read = int(words[at : at + VECTOR // 4].sum(dtype=np.uint64))
                    expected[block, thread] += np.uint64(read * int(factors[there]) % 2**32)
    shape = {"pattern": pattern, "size": size, "threads": THREADS, "unroll": UNROLL, "rounds": rounds}
    assert (reads.sums(words, factors, **shape) == expected % 2**32).all()
    assert reads.workers(pattern, size) == sum(works(rank) for rank in range(size))


def test_random_readers_reach_every_other_block_and_never_themselves(reads: ModuleType) -> None:
    counts = reads.reads("random", 8, 32, 200).sum(axis=(0, 2))
    assert (np.diag(counts) == 0).all()
    others = counts[~np.eye(8, dtype=bool)]
    assert others.min() > 0.7 * others.mean()
