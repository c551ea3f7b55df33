"""Lanes of a warp that load some bytes apart: a chain of such loads, and an SM full of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_walks = content.load_module(Path(__file__).with_name("cupy_walks.py"))
_ROWS, _ROW = 8, 8192  # as in include/strided.cuh
_LINE = 128
_SLACK = 16 << 20  # bytes within which the places are moved
_SLOW = 64  # bytes: lanes so far apart meet, and a round takes several times as long
_WARM = 3  # steps that the kernel makes before its clock starts


def latency(gpu: Any, *, source: str, stride: int) -> Work:
    """Work of contention/strided_latency: after each step all lanes are in the next of three rows.

    How the lanes of a stride meet in L1 hangs on where the memory lies: every SM has places of its own, which are
    others in every sample.
    """
    walkers = gpu.multiprocessors if source == "global" else 1
    places, lengths = 4 * _ROW, (256, 1264)  # the last row is not the first, nor that of half as many steps
    pitch = places + 37 * _LINE
    room, rng = gpu.alloc(walkers * pitch + _SLACK), np.random.default_rng()

    def launch(stamps: Any) -> Any:
        start = _LINE * int(rng.integers(_SLACK // _LINE))
        args = [room[start:], np.uint64(pitch), *map(np.uint32, (stride, *lengths)), stamps]
        gpu.enqueue(gpu.kernel, walkers, 32, args, places if source == "shared" else 0)
        return np.full(walkers, 32 * ((_WARM + sum(lengths)) % 3))

    work: Work = _walks.spread(gpu, launch=launch, lengths=lengths, walkers=walkers, before=lambda: None)
    return work


def fill(gpu: Any, *, source: str, vector: int, stride: int) -> Work:
    """Work of contention/strided_load: every thread adds up all that its lane reads of eight rows."""
    threads, rounds = 1024, 75 if stride >= _SLOW else 301
    words = np.random.default_rng().integers(0, 2**32, _ROWS * _ROW // 4, dtype=np.uint32)
    memory, folded = gpu.alloc(words.nbytes), gpu.alloc(4 * gpu.multiprocessors * threads).view(np.uint32)
    memory.view(np.uint32).set(words)
    first = stride // 4 * np.arange(32)[:, None] + np.arange(vector // 4)
    expected = np.uint32(rounds) * words.reshape(_ROWS, _ROW // 4)[:, first].sum(axis=(0, 2), dtype=np.uint32)
    work: Work = gpu.fill(
        block=threads,
        args=[memory, np.uint32(stride), np.uint32(0), np.uint32(rounds), folded],
        work=gpu.multiprocessors * threads * rounds * _ROWS * vector,
        shared=words.nbytes if source == "shared" else 0,
        poison=lambda: gpu.memset(folded, 0xFF),
        verify=lambda: bool((folded.get().reshape(-1, 32) == expected).all()),
    )
    return work
