"""Who writes to whom in dsm/write.cu, and so what the blocks of a cluster hold in the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Words: TypeAlias = "np.ndarray[Any, np.dtype[np.uint32]]"

# As the kernel has them.
THREADS = 512
_SLOTS, _UNROLL = 16, 4
_MOST = (1 << 20) - 1  # bytes that a phase of an mbarrier counts
_BLOCK, _PLACE = np.uint32(0x9E3779B1), np.uint32(0x85EBCA6B)


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What one cluster of `size` blocks writes: `bytes` by each of 512 threads, or by one thread where `bulk`."""

    pattern: str
    size: int
    bytes: int
    bulk: bool

    @property
    def slot(self) -> int:
        """Bytes that one rank writes to one block."""
        return self.bytes if self.bulk else THREADS * self.bytes

    @property
    def shared(self) -> int:
        """Bytes of shared memory of a block: the inbox, what is sent, the mbarrier."""
        return (_SLOTS + 1) * self.slot + 16

    @property
    def writers(self) -> int:
        """How many blocks write."""
        return {"all_to_one": self.size - 1, "broadcast": 1}.get(self.pattern, self.size)

    @property
    def rounds(self) -> int:
        """Rounds of a lap: all that an mbarrier can count, in whole turns through the cluster."""
        share = self.size - 1 if self.pattern == "all_to_one" else 1
        turn = _UNROLL * (self.size - 1 if self.pattern in ("broadcast", "all_to_all") else 1)
        return max(1, _MOST // share // self.slot // turn) * turn

    @property
    def received(self) -> int:
        """Bytes that come to a block that receives, in a lap."""
        return self.rounds * self.writers * self.slot // self.receivers

    @property
    def receivers(self) -> int:
        """How many blocks are written to."""
        return {"all_to_one": 1, "broadcast": self.size - 1}.get(self.pattern, self.size)

    def sums(self, seed: int, clusters: int) -> Words:
        """What each thread of each block must sum up over its inbox, modulo 2^32: (blocks, threads)."""
        found = np.zeros((clusters, self.size, THREADS), np.uint32)
        for rank in range(self.size):
            sent = self._sent(rank, seed, clusters)
            for there in self._targets(rank):
                found[:, there] += sent
        return found.reshape(-1, THREADS)

    def turns(self, laps: int, clusters: int) -> Words:
        """The laps and rounds that each thread of each block goes through: (blocks, threads)."""
        found = np.full((clusters, self.size, THREADS), laps, np.uint32)
        for rank in range(self.size):
            if self._targets(rank):
                found[:, rank, : 1 if self.bulk else THREADS] += np.uint32(laps * self.rounds)
        return found.reshape(-1, THREADS)

    def _targets(self, rank: int) -> Sequence[int]:
        """The ranks that a rank writes to."""
        others = [other for other in range(self.size) if other != rank]
        return {
            "pair": [rank ^ 1],
            "ring": [(rank + 1) % self.size],
            "all_to_one": [0] if rank else [],
            "broadcast": [] if rank else others,
            "all_to_all": others,
        }[self.pattern]

    def _sent(self, rank: int, seed: int, clusters: int) -> Words:
        """What threads sum up over a slot that a rank has filled: (clusters, threads)."""
        blocks = np.arange(clusters, dtype=np.uint32)[:, None] * np.uint32(self.size) + np.uint32(rank)
        places = np.arange(self.slot // 4 if self.bulk else THREADS, dtype=np.uint32)
        value = blocks * _BLOCK + places * _PLACE ^ np.uint32(seed)
        words = value if self.bulk else np.repeat(value, self.bytes // 4, axis=1)
        # Slot `rank` starts at word rank * slot / 4 of the inbox, and thread t takes words t, t + 512 and so on.
        room = np.zeros((clusters, -(-words.shape[1] // THREADS) * THREADS), np.uint32)
        room[:, : words.shape[1]] = words
        folded = room.reshape(clusters, -1, THREADS).sum(axis=1, dtype=np.uint32)
        return np.roll(folded, rank * (self.slot // 4) % THREADS, axis=1)
