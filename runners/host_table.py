"""Tables in host memory that the GPU reads in place: made once per process, since page-locking takes seconds."""

from __future__ import annotations

import ctypes
import mmap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content

_calls = content.load_module(Path(__file__).with_name("driver_calls.py"))
_MAPPED, _WRITE_COMBINED = 2, 4  # CU_MEMHOSTALLOC_DEVICEMAP and _WRITECOMBINED of cuda.h
_REGISTER_MAPPED = 2  # CU_MEMHOSTREGISTER_DEVICEMAP
_ATTACH_GLOBAL, _PREFERRED_LOCATION, _ACCESSED_BY, _CPU = 1, 3, 5, -1
_HUGE_PAGE = 2 << 20
_LEAST = 4 << 30  # what the pinned table has from the start, unless that is a sixteenth of the host's memory or more
KINDS = ("pinned", "write_combined", "registered", "huge", "managed")


@dataclass(frozen=True, kw_only=True)
class Table:
    """`size` bytes whose words are those of support/table.cu. host, device: its address as either side sees it."""

    kind: str
    size: int
    host: int
    device: int
    keep: Any = None

    def bytes(self, count: int | None = None) -> Any:
        """The table, or its first `count` bytes, as a NumPy uint8 array in place."""
        size = self.size if count is None else count
        return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(self.host))


_made: dict[tuple[str, str], Table] = {}


def table(gpu: Any, kind: str, size: int, purpose: str = "read") -> Table:
    """A table of that kind of at least `size` bytes. One for each kind and purpose is kept; a longer one replaces it.

    kind: one of KINDS. Tables of the purpose `read` are filled once and must not be written.
    """
    known = _made.get((kind, purpose))
    if known is None or known.size < size:
        if known is not None:
            del _made[kind, purpose]
            _give_back(known)
        least = min(_LEAST, gpu.machine.memory // 16) if (kind, purpose) == ("pinned", "read") else 0
        known = _made[kind, purpose] = _taken(kind, max(size, least))
        fill(gpu, known.device, known.size)
        gpu.synchronize()
    return known


def fill(gpu: Any, address: int, size: int) -> None:
    """Enqueue: the words of memory follow from their places, as those of every table."""
    gpu.support("table.cu", "fill_table", 8 * gpu.multiprocessors, 512, [address, np.uint64(size // 4)])


def _taken(kind: str, size: int) -> Table:
    if kind == "managed":
        return _managed(size)
    if kind in ("registered", "huge"):
        return _registered(kind, size)
    address = ctypes.c_void_p()
    flags = _MAPPED | (_WRITE_COMBINED if kind == "write_combined" else 0)
    _calls.call("cuMemHostAlloc", ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(flags))
    host = int(address.value or 0)
    return Table(kind=kind, size=size, host=host, device=_seen_by_the_device(host))


def _registered(kind: str, size: int) -> Table:
    """Memory of the process, page-locked where it lies, on pages of 4 KiB or of 2 MiB where the system has them."""
    room = mmap.mmap(-1, size + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError, AttributeError):
        room.madvise(mmap.MADV_HUGEPAGE if kind == "huge" else mmap.MADV_NOHUGEPAGE)
    start = np.frombuffer(room, dtype=np.uint8).ctypes.data
    host = start + -start % _HUGE_PAGE
    ctypes.memset(host, 0, size)
    _calls.call("cuMemHostRegister_v2", ctypes.c_void_p(host), ctypes.c_size_t(size), ctypes.c_uint(_REGISTER_MAPPED))
    return Table(kind=kind, size=size, host=host, device=_seen_by_the_device(host), keep=room)


def _managed(size: int) -> Table:
    """Managed memory that is told to stay with the host and to be mapped for the GPU."""
    address = ctypes.c_uint64()
    _calls.call("cuMemAllocManaged", ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(_ATTACH_GLOBAL))
    for advice, device in ((_PREFERRED_LOCATION, _CPU), (_ACCESSED_BY, 0)):
        _calls.call("cuMemAdvise", address, ctypes.c_size_t(size), ctypes.c_int(advice), ctypes.c_int(device))
    ctypes.memset(address.value, 0, size)
    return Table(kind="managed", size=size, host=int(address.value), device=int(address.value))


def _seen_by_the_device(host: int) -> int:
    address = ctypes.c_uint64()
    _calls.call("cuMemHostGetDevicePointer_v2", ctypes.byref(address), ctypes.c_void_p(host), ctypes.c_uint(0))
    return int(address.value)


def _give_back(known: Table) -> None:
    if known.kind == "managed":
        _calls.call("cuMemFree_v2", ctypes.c_uint64(known.device))
    elif known.kind in ("registered", "huge"):
        _calls.call("cuMemHostUnregister", ctypes.c_void_p(known.host))
    else:
        _calls.call("cuMemFreeHost", ctypes.c_void_p(known.host))
