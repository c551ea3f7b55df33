"""Rows that the host gathers and copies, and rows that the driver copies one by one, in a batch or as a 2-D copy."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_NAMES = ("driver_calls", "host_copies", "host_pipeline", "gathers", "host_table")
_calls, _copies, _pipeline, _gathers, _tables = (content.load_module(_here.with_name(f"{name}.py")) for name in _NAMES)
_CHUNK, _MOST = 4 << 20, 64 << 20
_staging: dict[tuple[str, int], Any] = {}


def _side(name: str) -> list[tuple[str, Any]]:
    """The fields of CUDA_MEMCPY2D that describe where a copy comes from or goes to."""
    kinds = {"XInBytes": ctypes.c_size_t, "Y": ctypes.c_size_t, "MemoryType": ctypes.c_int, "Host": ctypes.c_void_p}
    kinds |= {"Device": ctypes.c_uint64, "Array": ctypes.c_void_p, "Pitch": ctypes.c_size_t}
    return [(name + field, kind) for field, kind in kinds.items()]


class _Copy2D(ctypes.Structure):
    """CUDA_MEMCPY2D of cuda.h."""

    _fields_ = (*_side("src"), *_side("dst"), ("WidthInBytes", ctypes.c_size_t), ("Height", ctypes.c_size_t))


_HOST, _DEVICE = 1, 2  # CU_MEMORYTYPE_HOST and _DEVICE


def _buffer(gpu: Any, memory: str, number: int) -> Any:
    """Staging memory that the process keeps, not of the visit's own: a NumPy uint8 array of _MOST bytes."""
    if (memory, number) not in _staging:
        if memory == "pinned":
            room = np.frombuffer(gpu.cp.cuda.alloc_pinned_memory(_MOST), dtype=np.uint8, count=_MOST)
        else:
            room = np.empty(_MOST, dtype=np.uint8)
        room.fill(0)
        _staging[memory, number] = room
    return _staging[memory, number]


class Stager:
    """Gathers rows of a table by threads of the host into staging memory, and copies them: `gather(rows, target)`.

    method: `single` gathers all rows, which are of 64 MiB at most, and copies them once; `double` fills one of two
    buffers of 4 MiB while the other is copied. row_bytes: of a row. table: a Table.
    """

    def __init__(self, gpu: Any, table: Any, *, method: str, memory: str, threads: int, row_bytes: int) -> None:
        self._gpu, self._table, self._row_bytes = gpu, table, row_bytes
        self._threads, self._team = threads, _copies.team(threads)
        self._at_once = _MOST // row_bytes if method == "single" else max(threads, _CHUNK // row_bytes)
        self._buffers = [_buffer(gpu, memory, number) for number in range(1 if method == "single" else 2)]
        self._copied = [gpu.cp.cuda.Event(disable_timing=True) for _ in self._buffers]
        self._flags = _pipeline.flags_for(threads)

    def gather(self, numbers: Any, target: int) -> None:
        """Rows `numbers` (uint32) one behind the other at the device address `target`, once the stream is done."""
        self._flags.fill(0)
        buffers = np.array([buffer.ctypes.data for buffer in self._buffers], dtype=np.uint64)
        events = np.array([event.ptr for event in self._copied], dtype=np.uint64)
        stream = np.uint64(self._gpu.stream.ptr)
        place = (self._row_bytes, self._table.host, buffers, self._at_once, target, stream, events, self._flags)
        parts = [(thread, self._threads, numbers, *place) for thread in range(self._threads)]
        _copies.checked(*self._team.each(_pipeline.driver_pipeline(), parts))
        self._gpu.stream.synchronize()


def staged(gpu: Any, *, method: str, memory: str, threads: int, row_bytes: int, count: int, footprint: int) -> Work:
    """Rows gathered by threads of the host and copied; one call gathers `count` rows and ends when they are there."""
    table = _tables.table(gpu, footprint)
    listed = _gathers.rows(gpu, footprint=footprint, row_bytes=row_bytes, align=0, count=count, distribution="uniform")
    order = listed.order.get()
    gathered = gpu.alloc(count * row_bytes)
    stager = Stager(gpu, table, method=method, memory=memory, threads=threads, row_bytes=row_bytes)

    def run() -> None:
        listed.next()
        stager.gather(order[listed.turn * count : (listed.turn + 1) * count], gathered.data.ptr)

    return gpu.host_call(
        run,
        work=count * row_bytes,
        poison=lambda: gpu.memset(gathered, 0xFF),
        verify=lambda: listed.wrong(gathered) == 0,
    )


def copied(gpu: Any, *, method: str, row_bytes: int, count: int, footprint: int) -> Work:
    """`count` rows copied by the driver; one call ends when all of them are there.

    strided: every second row from some place on, by one 2-D copy; the others take rows in random order.
    """
    table = _tables.table(gpu, footprint)
    listed = _gathers.rows(gpu, footprint=footprint, row_bytes=row_bytes, align=0, count=count, distribution="uniform")
    lists = listed.order.size // count
    if method == "strided":
        among = footprint // row_bytes - 2 * count
        firsts = np.random.default_rng().integers(0, among, lists)
        listed.order.set((firsts[:, None] + 2 * np.arange(count)).astype(np.uint32).ravel())
    order = listed.order.get().reshape(lists, count)
    gathered = gpu.alloc(count * row_bytes)
    sources = np.uint64(table.host) + order.astype(np.uint64) * np.uint64(row_bytes)
    targets = np.uint64(gathered.data.ptr) + np.arange(count, dtype=np.uint64) * np.uint64(row_bytes)
    stream = int(gpu.stream.ptr)
    if method == "per_row":
        loop, size, streams = _copies.driver_copies(), np.uint64(row_bytes), np.full(count, stream, dtype=np.uint64)
        starts = [lambda s=s: _copies.checked(loop(targets, s, size, streams)) for s in sources]
    elif method == "batch":
        sizes = np.full(count, row_bytes, dtype=np.uint64)
        starts = [_calls.batch_of_copies(targets, s, sizes, stream) for s in sources]
    else:
        starts = [_strided(int(s[0]), gathered.data.ptr, row_bytes, count, stream) for s in sources]

    def run() -> None:
        listed.next()
        starts[listed.turn]()
        gpu.stream.synchronize()

    return gpu.host_call(
        run,
        work=count * row_bytes,
        poison=lambda: gpu.memset(gathered, 0xFF),
        verify=lambda: listed.wrong(gathered) == 0,
    )


def _strided(source: int, target: int, row_bytes: int, count: int, stream: int) -> Any:
    copy = _Copy2D(
        srcMemoryType=_HOST,
        srcHost=source,
        srcPitch=2 * row_bytes,
        dstMemoryType=_DEVICE,
        dstDevice=target,
        dstPitch=row_bytes,
        WidthInBytes=row_bytes,
        Height=count,
    )
    return lambda: _calls.call("cuMemcpy2DAsync_v2", ctypes.byref(copy), ctypes.c_void_p(stream))
