"""Atomics on the GPU: in a chain, each needing what the last returned, and as many as an SM makes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.changepoint import split_in_two
from gridstone.clock import Work

_here = Path(__file__)
_atomics = content.load_module(_here.with_name("cupy_atomics.py"))
_chains = content.load_module(_here.with_name("known_chains.py"))
_THREADS = 1024
_LINES, _LINE = 128, 128  # lines of each SM, bytes: all at once have some 2 MiB, which L2 spreads over its slices
_SLACK = 256 << 20  # bytes within which the lines of a sample lie

# Rounds of eight atomics per thread that take about 0.1 to 0.3 ms: on words of all warps, and of each warp alone.
_ROUNDS = {
    ("shared", "all", True): 40,
    ("shared", "warp", True): 100,
    ("shared", "all", False): 1,
    ("shared", "warp", False): 8,
    ("global", "all", True): 1,
    ("global", "warp", True): 24,
}


def shared_latency(gpu: Any, *, function: str, dtype: str, count: int) -> Work:
    """Work of contention/shared_atomic_latency: `count` lanes of a warp share a word."""
    operands = _atomics.operands(function, dtype)
    work: Work = _chains.chain(
        gpu,
        args=lambda length: [*map(np.uint64, operands), np.uint32(count)],
        ends=lambda length: _atomics.chained(function, dtype, operands, length + 1, count),
        lengths=(32, 96),
        block=1 if count == 1 else 32,
    )
    return work


def global_latency(gpu: Any, *, function: str, dtype: str) -> Work:
    """Work of contention/global_atomic_latency: one thread of each SM, line after line of its own, others each time."""
    operands = _atomics.operands(function, dtype)
    lines, rng = gpu.multiprocessors * _LINES, np.random.default_rng()
    memory = gpu.alloc(lines * _LINE + _SLACK)
    spent, left = gpu.alloc(4 * lines).view(np.uint32), gpu.alloc(16 * lines).view(np.uint64)
    shape = [np.uint64(_LINE), np.uint32(_LINES)]
    tail = [*shape, *map(np.uint64, operands), spent, left]
    expected = np.array(_atomics.after(function, dtype, operands, 24), np.uint64)

    def observe() -> dict[str, float]:
        gpu.memset(spent, 0)
        start = _LINE * int(rng.integers(_SLACK // _LINE))
        gpu.enqueue(gpu.kernel, gpu.multiprocessors, 1, [memory[start:], *tail])
        near, far = (float(group.mean()) for group in split_in_two(spent.get() / 8))
        return {"latency": (near + far) / 2, "latency_near": near, "latency_far": far}  # half of all lines are far

    return replace(
        gpu.observe(observe),
        poison=lambda: gpu.memset(left, 0xFF),
        verify=lambda: bool((left.get().reshape(-1, 2) == expected).all()),
    )


def fill(gpu: Any, *, source: str, function: str, dtype: str, pattern: str, count: int, native: bool) -> Work:
    """Work of contention/atomic_throughput. native: the machine code has an instruction for it, not a loop."""
    total = gpu.multiprocessors * _THREADS
    rounds = _ROUNDS[source, pattern, native]
    form = _atomics.Fill(function=function, dtype=dtype, source=source, pattern=pattern, count=count, rounds=8 * rounds)
    initial = np.full(total, form.initial, form.kind)
    words, tail = gpu.alloc(initial.nbytes).view(form.kind), gpu.alloc(8).view(np.uint32)

    def poison() -> None:
        words.set(initial)
        tail.set(np.zeros(2, np.uint32))

    numbers = [np.uint32(n) for n in (count, rounds, form.spacing(gpu.multiprocessors, _THREADS))]
    work: Work = gpu.fill(
        block=_THREADS,
        args=[words, *map(form.kind, form.operands), *numbers, tail[:1], tail[1:]],
        work=8 * rounds * total,
        shared=_THREADS * form.kind().itemsize if source == "shared" else 0,
        poison=poison,
        verify=lambda: form.right(words.get(), int(tail.get()[0]), gpu.multiprocessors, _THREADS),
    )
    return work
