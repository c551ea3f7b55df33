"""The memory that a rank keeps its messages in: the host's, or that of its GPU. One way to fill and read either."""

from __future__ import annotations

from typing import Any

import numpy as np

from gridstone.ranks.attempt import use_gpu


class HostMemory:
    """Arrays of bytes in host memory, with every page in place."""

    def array(self, size: int, fill: int = 0) -> Any:
        """`size` bytes (uint8), all of them `fill`."""
        return np.full(size, fill, dtype=np.uint8)

    def holding(self, values: Any) -> Any:
        """An array of these values."""
        return np.ascontiguousarray(values)

    def fill(self, array: Any, byte: int) -> None:
        """Every byte becomes `byte`."""
        array.view(np.uint8)[...] = byte

    def read(self, array: Any) -> Any:
        """The values as a NumPy array."""
        return array


class DeviceMemory:
    """Arrays of bytes in the memory of this rank's GPU, as CuPy has them, and page-locked host memory beside it."""

    def __init__(self, placement: str) -> None:
        import cupy as cp

        self.cp = cp
        number = use_gpu(cp, placement)
        self.stream = cp.cuda.Stream(non_blocking=True)
        self.stream.use()
        self.array(1)  # a context before MPI looks for one
        said = cp.cuda.runtime.getDeviceProperties(number)["name"]
        self.name = said.decode(errors="replace") if isinstance(said, bytes) else str(said)

    def array(self, size: int, fill: int = 0) -> Any:
        """`size` bytes (uint8) of device memory, all of them `fill`."""
        made = self.cp.empty(size, dtype=np.uint8)
        self.fill(made, fill)
        return made

    def holding(self, values: Any) -> Any:
        """A device array of these values."""
        made = self.cp.asarray(np.ascontiguousarray(values))
        self.stream.synchronize()
        return made

    def pinned(self, size: int) -> Any:
        """`size` bytes of page-locked host memory that the GPU can address, as a NumPy array."""
        held = self.cp.cuda.alloc_pinned_memory(max(1, size))
        return np.frombuffer(held, dtype=np.uint8, count=size)

    def fill(self, array: Any, byte: int) -> None:
        """Every byte becomes `byte`; done when it returns."""
        self.cp.cuda.runtime.memsetAsync(array.data.ptr, byte, array.nbytes, self.stream.ptr)
        self.stream.synchronize()

    def read(self, array: Any) -> Any:
        """The values as a NumPy array."""
        self.stream.synchronize()
        return array.get(stream=self.stream)

    def copier(self, target: Any, source: Any) -> Any:
        """What enqueues a copy of all bytes of `source` to `target`, either of them in page-locked memory."""
        to, at = (a.ctypes.data if isinstance(a, np.ndarray) else a.data.ptr for a in (target, source))
        copy, kind, size, stream = (
            self.cp.cuda.runtime.memcpyAsync,
            self.cp.cuda.runtime.memcpyDefault,
            source.nbytes,
            self.stream.ptr,
        )
        return lambda: copy(to, at, size, kind, stream)
