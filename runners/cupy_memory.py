"""Where the arrays of GPU cells lie: another place at every visit, and no memory given back in between.

The driver overwrites memory that is freed, in the background, for tens of milliseconds: a cell that runs then
finds L2 emptied and a tenth of the bandwidth gone. So memory is taken once and handed out from random places.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cupy as cp
import numpy as np

from gridstone import content
from gridstone.declaration.need import GPU_SHARE

_arena = content.load_module(Path(__file__).with_name("arena.py"))
_PAGE = 2 << 20
_RESERVE = 2 << 30
_PINNED = 64 << 20


class Memory:
    """Device and page-locked host memory for one visit at a time. share: of the device memory that is there."""

    def __init__(self, share: float = GPU_SHARE) -> None:
        free, total = cp.cuda.runtime.memGetInfo()
        size = int(min(share * total, max(free - _RESERVE, free / 2))) // _PAGE * _PAGE
        self._block = cp.cuda.alloc(size)
        self._device = _arena.Arena(self._block.ptr, size)
        self._page_locked = np.frombuffer(cp.cuda.alloc_pinned_memory(_PINNED), dtype=np.uint8, count=_PINNED)
        self._pinned = _arena.Arena(int(self._page_locked.ctypes.data), _PINNED)

    def restart(self) -> None:
        """All arrays of the last visit are gone."""
        self._device.restart()
        self._pinned.restart()

    def device(self, size: int) -> Any:
        """`size` bytes of device memory as a CuPy uint8 array, not initialised."""
        address = self._device.take(size)
        if address is None:
            return cp.empty(size, dtype=cp.uint8)
        pointer = cp.cuda.MemoryPointer(cp.cuda.UnownedMemory(address, size, self), 0)
        return cp.ndarray((size,), dtype=cp.uint8, memptr=pointer)

    def pinned(self, size: int) -> Any:
        """`size` bytes of page-locked host memory as a NumPy uint8 array that the GPU can address."""
        address = self._pinned.take(size) if size <= _PINNED // 4 else None
        if address is None:
            return np.frombuffer(cp.cuda.alloc_pinned_memory(size), dtype=np.uint8, count=size)
        start = address - self._pinned.base
        return self._page_locked[start : start + size]
