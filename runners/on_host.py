"""Runs host cells: memory in place, threads that start together, files without a name."""

from __future__ import annotations

import itertools
import math
import mmap
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import HostClock, Work
from gridstone.declaration import Machine

_HUGE_PAGE = 2 << 20
_MOST_PASSES = 1 << 30


@contextmanager
def context(machine: Machine) -> Iterator[Host]:
    """The host as the bodies of host probes see it."""
    with ThreadPoolExecutor(max_workers=max(1, machine.cores)) as pool:
        yield Host(machine, pool)


class Host:
    """Memory, threads, files and timed calls. `loops` holds the compiled loops of host_loops.py."""

    def __init__(self, machine: Machine, pool: ThreadPoolExecutor) -> None:
        self.machine = machine
        self.loops = content.load_module(Path(__file__).with_name("host_loops.py"))
        self._files = content.load_module(Path(__file__).with_name("host_file.py"))
        self._pool = pool

    def begin(self, cubin: bytes | None, l2: str) -> None:
        """Nothing to make ready: a host cell has no kernel."""

    def end(self) -> None:
        """Nothing to give back: memory goes with the last array over it."""

    def array(self, shape: int | tuple[int, ...], dtype: Any, *, threads: int = 1) -> Any:
        """A zeroed array with every page in place, on huge pages where the system grants them.

        It starts at a huge page's boundary (2 MiB), so the reach of the TLB is the same in every cell.
        threads: as many equal parts are touched by a thread each, for systems with several memory nodes.
        """
        size = math.prod(shape if isinstance(shape, tuple) else (shape,)) * np.dtype(dtype).itemsize
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS  # shared memory gets no huge pages
        room = mmap.mmap(-1, -(-size // _HUGE_PAGE) * _HUGE_PAGE + _HUGE_PAGE, flags=private)
        with suppress(OSError, AttributeError):
            room.madvise(mmap.MADV_HUGEPAGE)
        address = np.frombuffer(room, dtype=np.uint8).ctypes.data
        memory = np.frombuffer(room, dtype=np.uint8, count=size, offset=-address % _HUGE_PAGE)
        self.each(self.loops.touch, [(part,) for part in self.split(memory, threads)])
        return memory.view(dtype).reshape(shape)

    def each(self, function: Callable[..., Any], parts: Sequence[tuple[Any, ...]]) -> None:
        """function(*part) for all parts at once, a thread each; waits for all, and raises what one raised."""
        others = [self._pool.submit(function, *part) for part in parts[1:]]
        function(*parts[0])
        for other in others:
            other.result()

    def mark(self, memory: Any, *, threads: int = 1) -> None:
        """Give each whole word of a uint8 array a value of its own, in as many parts as it was touched in."""
        words = memory[: len(memory) // 8 * 8].view(np.uint64)
        firsts = [len(words) * i // threads for i in range(threads)]
        self.each(self.loops.mark, list(zip(self.split(words, threads), firsts, strict=True)))

    @staticmethod
    def split(array: Any, parts: int) -> list[Any]:
        """The array along its first axis in contiguous parts whose lengths differ by one at most."""
        edges = [len(array) * i // parts for i in range(parts + 1)]
        return [array[lo:hi] for lo, hi in itertools.pairwise(edges)]

    def call(
        self,
        run: Callable[[int], object],
        *,
        work: float,
        calls: int = 1,
        least_s: float = 2e-3,
        poison: Callable[[], None] | None = None,
        verify: Callable[[], bool | None] | None = None,
        close: Callable[[], None] | None = None,
    ) -> Work:
        """Work that `run(passes)` does as often as it is told, timed by the host clock.

        One pass is `calls` calls of `work` units each. The number of passes that fill `least_s` is found here
        after a first run, which compiles and brings memory in.
        """
        run(1)
        passes = _passes(run, least_s)
        clock = HostClock(run=lambda: run(passes), work=work, calls=calls * passes, least_s=0.0)
        return Work(clock=clock, poison=poison, verify=verify, close=close)

    def single(
        self,
        run: Callable[[], object],
        *,
        work: float,
        before: Callable[[], object],
        poison: Callable[[], None] | None = None,
        verify: Callable[[], bool | None] | None = None,
        close: Callable[[], None] | None = None,
    ) -> Work:
        """Work that is timed one call at a time, each after an untimed `before`."""
        return Work(clock=HostClock(run=run, work=work, before=before), poison=poison, verify=verify, close=close)

    def scratch_file(self, size: int) -> Any:
        """A ScratchFile of `size` bytes (host_file.py)."""
        return self._files.ScratchFile(size)


def _passes(run: Callable[[int], object], least_s: float) -> int:
    """How many passes take `least_s`, from runs of growing length."""
    passes = 1
    while True:
        start = time.perf_counter()
        run(passes)
        took = time.perf_counter() - start
        if took >= least_s / 4 or passes >= _MOST_PASSES:
            return max(1, math.ceil(passes * least_s / max(took, 1e-9)))
        passes *= 4
