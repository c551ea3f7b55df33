"""Rows gathered by threads of the host into staging memory and copied on, all of it in one compiled loop per thread.

The threads go through the chunks in step and never come back to Python in between: handing each of them its part of
each chunk would take longer than filling it.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

from gridstone import content

_calls = content.load_module(Path(__file__).with_name("driver_calls.py"))
_memcpy = ctypes.CDLL(None).memcpy  # a call that the compiler cannot look into: flags are read anew at each
_memcpy.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]
_memcpy.restype = ctypes.c_void_p
APART = 8  # words between two threads' flags: a line of the cache each


def pipeline_by(copy: Any, record: Any, wait: Any) -> Any:
    """The compiled loop over C functions copy(target, source, bytes, stream), record(event, stream) and wait(event),
    each of which returns 0 where it worked.

    The loop is called as loop(thread, threads, order, row_bytes, table, buffers, at_once, target, stream, events,
    flags) by all threads at once and returns the last status that was not 0. order: rows (uint32). table, target:
    addresses. buffers, events: addresses (uint64), one of each per buffer. at_once: rows of a chunk. flags: int64,
    all 0, APART for each thread and APART in front. Thread 0 copies each chunk once all have filled their part of it,
    and lets the others go on when the buffer they are to fill was copied.
    """
    copy.argtypes = [ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64, ctypes.c_uint64]
    record.argtypes = [ctypes.c_uint64, ctypes.c_uint64]
    wait.argtypes = [ctypes.c_uint64]
    copy.restype = record.restype = wait.restype = ctypes.c_int

    @njit(nogil=True)
    def await_flag(flags: Any, place: int, least: int, seen: Any) -> None:
        while seen[0] < least:
            _memcpy(seen.ctypes.data, flags.ctypes.data + 8 * place, 8)

    @njit(nogil=True)
    def raise_flag(flags: Any, place: int, value: Any) -> None:
        _memcpy(flags.ctypes.data + 8 * place, value.ctypes.data, 8)

    @njit(nogil=True)
    def loop(
        thread: int,
        threads: int,
        order: Any,
        row_bytes: int,
        table: int,
        buffers: Any,
        at_once: int,
        target: int,
        stream: int,
        events: Any,
        flags: Any,
    ) -> int:
        failed = 0
        seen, mine = np.zeros(1, np.int64), np.zeros(1, np.int64)
        for chunk in range((order.size + at_once - 1) // at_once):
            side = chunk % buffers.size
            mine[0] = chunk + 1
            if thread == 0:
                if chunk >= buffers.size:
                    status = wait(events[side])
                    failed = status if status != 0 else failed
                raise_flag(flags, 0, mine)
            else:
                await_flag(flags, 0, chunk + 1, seen)
            first = chunk * at_once
            count = min(at_once, order.size - first)
            for k in range(first + count * thread // threads, first + count * (thread + 1) // threads):
                to = np.int64(buffers[side]) + (k - first) * row_bytes
                _memcpy(to, table + np.int64(order[k]) * row_bytes, row_bytes)
            raise_flag(flags, APART * (thread + 1), mine)
            if thread == 0:
                for other in range(1, threads):
                    seen[0] = 0
                    await_flag(flags, APART * (other + 1), chunk + 1, seen)
                status = copy(
                    np.uint64(target + first * row_bytes), buffers[side], np.uint64(count * row_bytes), stream
                )
                failed = status if status != 0 else failed
                status = record(events[side], stream)
                failed = status if status != 0 else failed
        return failed

    return loop


@functools.cache
def driver_pipeline() -> Any:
    """pipeline_by over the driver's cuMemcpyAsync, cuEventRecord and cuEventSynchronize."""
    driver = _calls.library()
    return pipeline_by(driver.cuMemcpyAsync, driver.cuEventRecord, driver.cuEventSynchronize)


def flags_for(threads: int) -> Any:
    """The flags of that many threads, all 0."""
    return np.zeros(APART * (threads + 1), dtype=np.int64)
