"""Lanes of a warp that load some bytes apart: a chain of such loads, and an SM full of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_chains = content.load_module(_here.with_name("known_chains.py"))
_averages = content.load_module(_here.with_name("averages.py"))
_ROWS, _ROW = 8, 8192  # as in include/strided.cuh
_LINE = 128
_AROUND = 16  # places of a sample from L1: how the lanes of a stride meet hangs on where the memory lies


def latency(gpu: Any, *, source: str, stride: int) -> Work:
    """Work of contention/strided_latency: after each step all lanes are in the next of three rows."""
    places, times = 4 * _ROW, _AROUND if source == "global" else 1
    room = gpu.alloc(places * times)
    starts = _LINE * np.random.default_rng().integers((room.nbytes - places) // _LINE + 1, size=times)
    launches = 0

    def args(length: int) -> list[Any]:
        nonlocal launches
        at = int(starts[launches // 2 % times])  # both lengths of a pair in one place
        launches += 1
        return [room[at : at + places], np.uint32(stride)]

    shared = places if source == "shared" else 0
    work = _chains.chain(
        gpu, args=args, ends=lambda length: 32 * ((3 + length) % 3), lengths=(256, 1280), block=32, shared=shared
    )
    averaged: Work = _averages.averaged(work, times)
    return averaged


def fill(gpu: Any, *, source: str, vector: int, stride: int) -> Work:
    """Work of contention/strided_load: every thread folds all that its lane reads of eight rows."""
    threads, rounds = 1024, 301
    words = np.random.default_rng().integers(0, 2**32, _ROWS * _ROW // 4, dtype=np.uint32)
    memory, folded = gpu.alloc(words.nbytes), gpu.alloc(4 * gpu.multiprocessors * threads).view(np.uint32)
    memory.view(np.uint32).set(words)
    first = stride // 4 * np.arange(32)[:, None] + np.arange(vector // 4)
    expected = np.bitwise_xor.reduce(words.reshape(_ROWS, _ROW // 4)[:, first], axis=(0, 2))
    work: Work = gpu.fill(
        block=threads,
        args=[memory, np.uint32(stride), np.uint32(0), np.uint32(rounds), folded],
        work=gpu.multiprocessors * threads * rounds * _ROWS * vector,
        shared=words.nbytes if source == "shared" else 0,
        poison=lambda: gpu.memset(folded, 0xFF),
        verify=lambda: bool((folded.get().reshape(-1, 32) == expected).all()),
    )
    return work
