"""Tables in host memory that the GPU reads or writes in place: kept by the process, as page-locking takes seconds."""

from __future__ import annotations

import ctypes
import mmap
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import Unavailable, content
from gridstone.host import usable_cores
from gridstone.units import format_bytes

_here = Path(__file__)
_calls, _shared = (content.load_module(_here.with_name(f"{name}.py")) for name in ("driver_calls", "shared_memory"))
_MAPPED, _WRITE_COMBINED = 2, 4  # CU_MEMHOSTALLOC_DEVICEMAP and _WRITECOMBINED of cuda.h
_REGISTER_MAPPED = 2  # CU_MEMHOSTREGISTER_DEVICEMAP
_ATTACH_GLOBAL, _PREFERRED_LOCATION, _ACCESSED_BY, _CPU = 1, 3, 5, -1
_HUGE_PAGE = 2 << 20
_LEAST = 4 << 30  # what the shared table has from the start, unless that is a sixteenth of the host's memory or more
_PROCESSES, _SHARE = 3, 0.6  # of a run on one GPU; of the host's memory that their tables may take together
KINDS = ("shared", "pinned", "write_combined", "registered", "huge", "managed")


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


_made: dict[str, Table] = {}
_TARGET, _NAME = "target", "gridstone-table"


def table(gpu: Any, size: int, kind: str = "shared") -> Table:
    """A filled table of at least `size` bytes, which must not be written. One of each kind is kept; a longer one
    replaces it.

    kind: one of KINDS. `shared` memory is page-locked by each process of a run and filled by the first alone; of the
    other kinds each process has its own.
    """
    known = _made.get(kind)
    if known is None or known.size < size:
        if known is not None:
            del _made[kind]
            _give_back(known)
        if kind == "shared":
            known = _of_all_processes(gpu, max(size, min(_LEAST, gpu.machine.memory // 16)))
        else:
            known = _taken(kind, size)
            _fill_now(gpu, known)
        _made[kind] = known
    return known


def target(gpu: Any, size: int) -> Table:
    """Page-locked memory of at least `size` bytes for whoever writes to the host, filled as a table when it is new."""
    known = _made.get(_TARGET)
    if known is None or known.size < size:
        if known is not None:
            del _made[_TARGET]
            _give_back(known)
        known = _made[_TARGET] = _taken("pinned", size)
        _fill_now(gpu, known)
    return known


def fill(gpu: Any, address: int, size: int) -> None:
    """Enqueue: the words of memory follow from their places, as those of every table."""
    gpu.support("table.cu", "fill_table", 8 * gpu.multiprocessors, 512, [address, np.uint64(size // 4)])


def _fill_now(gpu: Any, known: Table) -> None:
    fill(gpu, known.device, known.size)
    gpu.synchronize()


def _of_all_processes(gpu: Any, size: int) -> Table:
    """The memory that a sibling has filled, or new memory, which is then filled for the others.

    Where the system or the driver knows no such memory it is `pinned` memory of this process, and its kind says so.
    Raises Unavailable where each process cannot have as much.
    """
    try:
        memory = _shared.found(_NAME, size)
        if memory is not None:
            return _locked(memory)
        memory = _shared.made(_NAME, size, usable_cores())
        known = _locked(memory)
    except (OSError, RuntimeError) as error:
        if _PROCESSES * size > _SHARE * gpu.machine.memory:
            said = f"the processes of a run cannot share a table of {format_bytes(size)} here"
            raise Unavailable(f"{said}: {error}") from None
        known = _taken("pinned", size)
        _fill_now(gpu, known)
        return known
    _fill_now(gpu, known)
    memory.seal()
    return known


def _locked(memory: Any) -> Table:
    try:
        device = _page_locked(memory.address, memory.size)
    except RuntimeError:
        memory.close()
        raise
    return Table(kind="shared", size=memory.size, host=memory.address, device=device, keep=memory)


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
    _shared.touch(host, size, usable_cores())
    return Table(kind=kind, size=size, host=host, device=_page_locked(host, size), keep=room)


def _page_locked(host: int, size: int) -> int:
    _calls.call("cuMemHostRegister_v2", ctypes.c_void_p(host), ctypes.c_size_t(size), ctypes.c_uint(_REGISTER_MAPPED))
    return _seen_by_the_device(host)


def _managed(size: int) -> Table:
    """Managed memory that is told to stay with the host and to be mapped for the GPU."""
    address = ctypes.c_uint64()
    _calls.call("cuMemAllocManaged", ctypes.byref(address), ctypes.c_size_t(size), ctypes.c_uint(_ATTACH_GLOBAL))
    for advice, device in ((_PREFERRED_LOCATION, _CPU), (_ACCESSED_BY, 0)):
        _calls.call("cuMemAdvise", address, ctypes.c_size_t(size), ctypes.c_int(advice), ctypes.c_int(device))
    _shared.touch(int(address.value), size, usable_cores())
    return Table(kind="managed", size=size, host=int(address.value), device=int(address.value))


def _seen_by_the_device(host: int) -> int:
    address = ctypes.c_uint64()
    _calls.call("cuMemHostGetDevicePointer_v2", ctypes.byref(address), ctypes.c_void_p(host), ctypes.c_uint(0))
    return int(address.value)


def _give_back(known: Table) -> None:
    if known.kind == "managed":
        _calls.call("cuMemFree_v2", ctypes.c_uint64(known.device))
    elif known.kind in ("registered", "huge", "shared"):
        _calls.call("cuMemHostUnregister", ctypes.c_void_p(known.host))
        with suppress(BufferError):  # an array still refers to it: it goes with that
            known.keep.close()
    else:
        _calls.call("cuMemFreeHost", ctypes.c_void_p(known.host))
