"""What blocks hold after a cluster has written into them, against the same writes made one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridstone import content

writes: Any = content.load_module(content.folder("runners") / "cluster_writes.py")
PATTERNS = ("pair", "ring", "all_to_one", "broadcast", "all_to_all")
WORD = 2**32


def target(pattern: str, rank: int, size: int, warp: int, turn: int) -> int:
    """As dsm/write.cu has it."""
    fixed = {"pair": rank ^ 1, "ring": (rank + 1) % size, "all_to_one": 0}
    return fixed.get(pattern, (rank + 1 + (warp + turn) % (size - 1)) % size)


def written(traffic: Any, seed: int, clusters: int) -> tuple[np.ndarray, np.ndarray]:
    """What each thread sums up over its block's inbox, and the bytes that came to each rank in a lap."""
    size, slot = traffic.size, traffic.slot // 4
    inbox = np.zeros((clusters, size, 16 * slot), np.uint64)
    came = np.zeros(size, int)
    for rank in range(size):
        if (rank == 0) == (traffic.pattern == "all_to_one") and traffic.pattern in ("all_to_one", "broadcast"):
            continue
        for turn in range(traffic.rounds):
            for warp in range(1 if traffic.bulk else 16):
                there = target(traffic.pattern, rank, size, warp, turn)
                places = np.arange(slot) if traffic.bulk else 32 * (warp ^ turn % 4) + np.arange(32)
                words = 1 if traffic.bulk else traffic.bytes // 4
                came[there] += 4 * words * places.size
                for cluster in range(clusters):
                    block = cluster * size + rank
                    value = (block * 0x9E3779B1 + places.astype(np.uint64) * 0x85EBCA6B) % WORD ^ np.uint64(seed)
                    at = rank * slot + (words * places[:, None] + np.arange(words)).ravel()
                    inbox[cluster, there, at] = np.repeat(value, words)
    sums = np.stack([inbox[..., thread::512].sum(axis=-1) % WORD for thread in range(512)], axis=-1)
    return sums.reshape(-1, 512), came


@pytest.mark.parametrize(("bytes", "bulk"), [(16, False), (4, False), (4096, True), (256, True)])
@pytest.mark.parametrize("size", [2, 4])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_block_holds_what_was_written(pattern: str, size: int, bytes: int, bulk: bool) -> None:
    traffic = writes.Traffic(pattern=pattern, size=size, bytes=bytes, bulk=bulk)
    few = writes.Traffic(pattern=pattern, size=size, bytes=max(bytes, 4096) if bulk else bytes, bulk=bulk)
    sums, came = written(few, 0x1234567, 2)
    assert (few.sums(0x1234567, 2) == sums).all()
    assert set(came[came > 0]) == {few.received}
    assert traffic.received < 2**20 and traffic.shared <= 227 << 10


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_lap_is_most_of_what_a_barrier_can_count(pattern: str) -> None:
    for size in range(2, 17):
        traffic = writes.Traffic(pattern=pattern, size=size, bytes=16, bulk=False)
        busiest = traffic.received * (size - 1 if pattern == "broadcast" else 1)
        assert 2**19 < busiest < 2**20
        assert traffic.rounds % 4 == 0


@pytest.mark.parametrize("bulk", [False, True])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_every_thread_counts_its_turns(pattern: str, bulk: bool) -> None:
    traffic = writes.Traffic(pattern=pattern, size=4, bytes=4096 if bulk else 16, bulk=bulk)
    turns = traffic.turns(8, 3).reshape(3, 4, 512).astype(int) - 8
    assert (turns[:, :, :1] if bulk else turns).sum() == 3 * traffic.writers * 8 * traffic.rounds * (1 if bulk else 512)
    assert not bulk or not turns[:, :, 1:].any()
