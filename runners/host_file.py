"""A file without a name to write and read, in the page cache or past it."""

from __future__ import annotations

import ctypes
import mmap
import os
import tempfile
from typing import Any

import numpy as np

from gridstone.declaration import Unavailable
from gridstone.units import format_bytes

_RESERVE = 1 << 30  # bytes that stay free on the disk
_REMEDY = "set GRIDSTONE_SCRATCH to a folder"


class ScratchFile:
    """A file of `size` bytes, which goes with this process however that ends.

    It lies in GRIDSTONE_SCRATCH or the working folder, or else in the system's temporary folder. Raises
    Unavailable where the disk would be left with less than 1 GiB.
    """

    def __init__(self, size: int) -> None:
        wanted = os.environ.get("GRIDSTONE_SCRATCH") or os.curdir
        folder = wanted if os.access(wanted, os.W_OK) else None
        self._file = tempfile.TemporaryFile(buffering=0, dir=folder)  # noqa: SIM115 (closed by `close`)
        self._fd = self._file.fileno()
        self._size = size
        space = os.fstatvfs(self._fd)
        free = space.f_bavail * space.f_frsize
        if free < size + _RESERVE:
            self.close()
            needed = f"needs {format_bytes(size + _RESERVE)} of disk space, {format_bytes(free)} are free here"
            raise Unavailable(f"{needed}: {_REMEDY} with more")

    def write(self, source: Any) -> None:
        """Write a uint8 array from the start of the file."""
        done = 0
        while done < self._size:
            done += os.pwrite(self._fd, source[done:], done)

    def read(self, target: Any) -> None:
        """Read from the start of the file into a uint8 array."""
        done = 0
        while done < self._size:
            done += os.preadv(self._fd, [target[done:]], done)

    def sync(self) -> None:
        """Wait until storage has what was written."""
        os.fsync(self._fd)

    def evict(self) -> None:
        """Drop the file from the page cache."""
        self.sync()
        os.posix_fadvise(self._fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def demand_eviction(self) -> None:
        """Raises Unavailable where `evict` has no effect, as for files that live in memory."""
        self.evict()
        if self._cached_share() > 0.5:
            self.close()
            raise Unavailable(f"files here do not leave the page cache: {_REMEDY} on a disk")

    def close(self) -> None:
        """Give the file's space back."""
        self._file.close()

    def _cached_share(self) -> float:
        """The share of the file's pages in the page cache; 1 where the system does not tell."""
        pages = -(-self._size // mmap.PAGESIZE)
        resident = np.zeros(pages, dtype=np.uint8)
        with mmap.mmap(self._fd, self._size) as view:
            start = ctypes.c_char.from_buffer(view)
            status = ctypes.CDLL(None).mincore(
                ctypes.c_void_p(ctypes.addressof(start)), ctypes.c_size_t(self._size), resident.ctypes
            )
            del start  # the mapping cannot be closed while something points into it
        return 1.0 if status else float((resident & 1).mean())
