"""Memory that the processes of a run share: made by the first that needs it, found by the others, without a name.

The memory is a file of memfd_create, which no folder lists: it is gone when the last process that holds it is, however
that ends. Processes of one run have one parent; each finds what its siblings hold by looking at their open files. A
file is sealed against growing and shrinking once it is filled, so that nobody takes one that is half made.
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SEALED = fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK
_PART = 64 << 20  # what one thread asks the system for at once
PROC = Path("/proc")


@dataclass(kw_only=True)
class Shared:
    """`size` bytes at `address` in this process, of a file that may hold more."""

    name: str
    size: int
    address: int
    file: int
    room: mmap.mmap

    def seal(self) -> None:
        """Let others find it: what it holds is complete. Where the system has no seals, nobody finds it."""
        with suppress(OSError):
            fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, _SEALED)

    def close(self) -> None:
        """Give this process's part back; nothing may use the address any more."""
        os.close(self.file)
        self.room.close()


def found(name: str, size: int) -> Shared | None:
    """Memory of that name and of at least `size` bytes, filled by a process of this run; None where there is none."""
    for path in _held_by_siblings(name):
        with suppress(OSError):  # its process has ended, or closed it
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            if os.fstat(file).st_size >= size and fcntl.fcntl(file, fcntl.F_GET_SEALS) & _SEALED == _SEALED:
                return _mapped(name, file, size)
            os.close(file)
    return None


def made(name: str, size: int, threads: int) -> Shared:
    """New memory of `size` bytes, all of it there, taken from the system by `threads` threads at once.

    Others find it when it is sealed. Raises OSError where the system has no such memory to give.
    """
    file = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        os.ftruncate(file, size)
        shared = _mapped(name, file, size)
    except BaseException:
        os.close(file)
        raise
    touch(shared.address, size, threads)
    return shared


def touch(address: int, size: int, threads: int) -> None:
    """Write zeros over memory of the process by `threads` threads, so that the system hands out its pages."""
    parts = [(address + at, 0, min(_PART, size - at)) for at in range(0, size, _PART)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda part: ctypes.memset(*part), parts))


def _mapped(name: str, file: int, size: int) -> Shared:
    room = mmap.mmap(file, size, flags=mmap.MAP_SHARED)
    start = (ctypes.c_char * 0).from_buffer(room)
    return Shared(name=name, size=size, address=ctypes.addressof(start), file=file, room=room)


def _held_by_siblings(name: str) -> Iterator[Path]:
    """Open files of that name, of this process and of the others with its parent, as paths that can be opened."""
    parent, target = os.getppid(), f"/memfd:{name} (deleted)"
    for pid in (entry.name for entry in PROC.iterdir() if entry.name.isdigit()):
        with suppress(OSError, ValueError):  # it ended meanwhile, or is another user's
            if _parent(PROC / pid) != parent:
                continue
            for link in (PROC / pid / "fd").iterdir():
                with suppress(OSError):
                    if str(link.readlink()) == target:
                        yield link


def _parent(process: Path) -> int:
    """The parent of a process; its name, which may hold spaces and parentheses, comes before it in brackets."""
    return int((process / "stat").read_text().rpartition(")")[2].split()[1])
