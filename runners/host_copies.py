"""Many copies by the driver, a call for each, from one thread or several; and the threads that make them."""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from numba import njit

from gridstone import content

_calls = content.load_module(Path(__file__).with_name("driver_calls.py"))


def copies_by(copy: Any) -> Any:
    """A compiled loop over a C function (target, source, bytes, stream) -> status: the last status that is not 0.

    Its targets, sources and streams are arrays (uint64), the bytes one number.
    """
    copy.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64]
    copy.restype = ctypes.c_int

    @njit(nogil=True)
    def loop(targets: Any, sources: Any, size: Any, streams: Any) -> int:
        failed = 0
        for i in range(targets.size):
            status = copy(targets[i], sources[i], size, streams[i])
            if status != 0:
                failed = status
        return failed

    return loop


@functools.cache
def driver_copies() -> Any:
    """copies_by over cuMemcpyAsync."""
    return copies_by(_calls.library().cuMemcpyAsync)


def checked(*statuses: int) -> None:
    """Raises RuntimeError where a copy was refused."""
    for status in statuses:
        if status != 0:
            raise RuntimeError(f"cuMemcpyAsync failed with CUDA error {status}")


class Team:
    """Threads that wait for parts of one job, all in the CUDA context of the thread that made them."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        context = ctypes.c_void_p()
        _calls.call("cuCtxGetCurrent", ctypes.byref(context))
        self._pool = ThreadPoolExecutor(threads, initializer=_calls.call, initargs=("cuCtxSetCurrent", context))
        list(self._pool.map(lambda _: None, range(threads)))

    def each(self, function: Any, parts: Sequence[tuple[Any, ...]]) -> list[Any]:
        """function(*part) of all parts at once, a thread each; what they return, in order."""
        others = [self._pool.submit(function, *part) for part in parts[1:]]
        return [function(*parts[0]), *(other.result() for other in others)]


@functools.cache
def team(threads: int) -> Team:
    """The team of that many threads, the calling one not counted, which works too."""
    return Team(max(1, threads - 1))


def parted(size: int, parts: int) -> list[tuple[int, int]]:
    """`size` things in contiguous parts whose lengths differ by one at most: first and end of each, none empty."""
    edges = [size * i // parts for i in range(parts + 1)]
    return [(lo, hi) for lo, hi in itertools.pairwise(edges) if hi > lo]
