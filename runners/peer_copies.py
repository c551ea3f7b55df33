"""Copies between the memories of two GPUs, one way or both at once, by a copy engine or by the SMs of one of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridstone.clock import Work

_THREADS = 512
_VECTORS = 4 * 16  # bytes that a thread has under way


class _Way:
    """One way: from memory of `source` to memory of `target`, enqueued on the stream of the GPU that does it."""

    def __init__(self, source: Any, target: Any, method: str, size: int) -> None:
        self.doer = target if method == "read" else source
        self._target, self._size = target, size
        source.activate()
        self._from = source.floats(size)
        source.synchronize()
        target.activate()
        self._to = target.alloc(size).view(np.float32)
        self._runtime = source.cp.cuda.runtime
        self._ends = (target.place, source.place)
        self._grid = max(1, min(-(-size // (_VECTORS * _THREADS)), 4 * self.doer.multiprocessors))
        self.enqueue = self._by_engine if method == "engine" else self._by_sms

    def _by_engine(self) -> None:
        to, source = self._ends
        self._runtime.memcpyPeerAsync(
            self._to.data.ptr, to, self._from.data.ptr, source, self._size, self.doer.stream.ptr
        )

    def _by_sms(self) -> None:
        self.doer.enqueue(self.doer.kernel, self._grid, _THREADS, [self._to, self._from, np.uint64(self._size)])

    def poison(self) -> None:
        self._target.activate()
        self._target.memset(self._to, 0xFF)
        self._target.synchronize()

    def verify(self) -> bool:
        self.doer.activate()
        self.doer.synchronize()
        self._target.activate()
        return bool(self._target.mismatches(self._to, 1, 0) == 0)


def copies(peers: Any, *, src: int, dst: int, method: str, direction: str, size: int) -> Work:
    """`size` bytes from GPU `src` to GPU `dst`, and with direction `both` as many back at the same time.

    method: `engine` copies by a copy engine of the sender, `read` by loads of the receiver's SMs, `write` by stores of
    the sender's. Timed by events on the GPU that does the first way, until both are done.
    """
    one, other = peers.pair(src, dst)
    ways = [_Way(one, other, method, size)] + ([_Way(other, one, method, size)] if direction == "both" else [])
    lead = ways[0].doer
    lead.activate()
    fork = lead.cp.cuda.Event(disable_timing=True)
    if direction == "both":
        ways[1].doer.activate()
        join = lead.cp.cuda.Event(disable_timing=True)
        lead.activate()

    def both() -> None:
        second = ways[1].doer
        fork.record(lead.stream)
        second.stream.wait_event(fork)
        ways[0].enqueue()
        second.activate()
        ways[1].enqueue()
        join.record(second.stream)
        lead.activate()
        lead.stream.wait_event(join)

    def poison() -> None:
        for way in ways:
            way.poison()
        lead.activate()

    def verify() -> bool:
        right = [way.verify() for way in ways]
        lead.activate()
        return all(right)

    timed: Work = lead.call(
        both if direction == "both" else ways[0].enqueue,
        work=size * len(ways),
        poison=poison,
        verify=verify,
        keep=ways,
    )
    return timed


def chase(peers: Any, *, src: int, dst: int, footprint: int, stride: int, lengths: tuple[int, int]) -> Work:
    """A chain of dependent loads by GPU `dst` through a ring of addresses in memory of GPU `src`.

    Ahead of every sample the places behind the walk are read. A line that was laid but never read is in L2 with a part
    of its sector only, and its first load goes to memory, as if the ring were far larger.
    """
    reader, owner = peers.pair(dst, src)
    owner.activate()
    memory = owner.alloc(footprint)
    reader.activate()
    ring = reader.ring(footprint, stride, memory=memory)
    warm = 64
    walked: Work = reader.chain(
        args=lambda length: [ring.walk.step(warm + length), np.uint32(warm)],
        lengths=lengths,
        before=ring.visit,
        expect=ring.walk.expect,
    )
    return walked


def atomics(peers: Any, *, src: int, dst: int, lengths: tuple[int, int]) -> Work:
    """A chain of dependent atomic additions by GPU `dst` to one word of GPU `src`."""
    doer, owner = peers.pair(dst, src)
    owner.activate()
    word = owner.alloc(8).view(np.uint64)
    owner.memset(word, 0)
    owner.synchronize()
    doer.activate()
    held, results = 0, []

    def args(length: int) -> list[Any]:
        nonlocal held
        found = 1
        for _ in range(length):
            held, found = (held + (found | 1)) % 2**64, held
        results.append(found)
        return [word, np.uint64(1)]

    def expect() -> list[int]:
        due = list(results)
        results.clear()
        return due

    added: Work = doer.chain(args=args, lengths=lengths, expect=expect)
    return added
