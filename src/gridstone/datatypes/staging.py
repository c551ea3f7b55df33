"""Host memory on the way of a message, and copies between it and the memory of a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone.datatypes.device import extent, on_device
from gridstone.datatypes.host import as_bytes
from gridstone.errors import UsageError


def pinned(size: int) -> Any:
    """`size` bytes of page-locked host memory that the GPU can address, as a NumPy array. CuPy keeps it in a pool."""
    import cupy

    return np.frombuffer(cupy.cuda.alloc_pinned_memory(max(1, size)), dtype=np.uint8, count=size)


def copied(target: Any, source: Any, stream: Any, size: int | None = None) -> Any:
    """`target`, to which a copy of the bytes of `source` is enqueued."""
    _copy(extent(target)[0], extent(source)[0], extent(source)[1] if size is None else size, stream)
    return target


def settled(stream: Any) -> None:
    """Wait for all that is on the stream."""
    queue = _queue(stream)
    (queue.synchronize if hasattr(queue, "synchronize") else queue.sync)()


def pointer(buffer: Any) -> Any:
    """The memory of an array, on whichever side it is, as mpi4py takes it."""
    return _maker().fromaddress(*extent(buffer))


@dataclass(frozen=True, kw_only=True)
class Span:
    """Host memory with all bytes that a datatype reaches in a buffer, and those between them.

    start: what MPI is given, at the address that the datatype's offsets count from. copy: None where the buffer is in
    host memory itself. address: in the memory of the GPU, of what `copy` is a copy of.
    """

    start: Any
    copy: Any
    address: int

    def give_back(self, datatype: Any, count: int, stream: Any) -> None:
        """Bring what was received to where the copy came from, and wait for that.

        What lies between may have changed there since, so that it is fetched once more.
        """
        if self.copy is None or not self.copy.size:
            return
        whole = datatype.Create_contiguous(count)
        one = whole.Create_resized(0, 1).Commit()  # mpi4py counts elements by the bytes of a buffer
        received, first = np.empty(whole.Get_size(), dtype=np.uint8), _maker().fromaddress(self.start.address, 1)
        try:
            one.Pack(first, received, 0, _alone())
            _copy(self.copy.ctypes.data, self.address, self.copy.size, stream)
            settled(stream)
            one.Unpack(received, 0, first, _alone())
        finally:
            one.Free()
            whole.Free()
        _copy(self.address, self.copy.ctypes.data, self.copy.size, stream)
        settled(stream)


def whole_span(datatype: Any, buffer: Any, count: int, origin: int, stream: Any, *, written: bool = False) -> Span:
    """What MPI is given in place of a buffer of `count` elements of an MPI datatype.

    Raises UsageError where they reach beyond the buffer, or it is read-only and to be written.
    """
    at, room = extent(buffer if on_device(buffer) else as_bytes(buffer, written=written), written=written)
    low, high = _reach(datatype, count)
    if origin + low < 0 or origin + high > room:
        raise UsageError(f"the datatype reaches bytes {origin + low} to {origin + high} of a buffer of {room} bytes")
    if not on_device(buffer):
        return Span(start=_maker().fromaddress(at + origin, max(1, room - origin)), copy=None, address=at)
    copy = pinned(high - low)
    if copy.size:
        _copy(copy.ctypes.data, at + origin + low, copy.size, stream)
        settled(stream)
    start = _maker().fromaddress(copy.ctypes.data - low, max(1, high))
    return Span(start=start, copy=copy, address=at + origin + low)


def _maker() -> Any:
    from mpi4py import MPI

    return MPI.buffer if hasattr(MPI, "buffer") else MPI.memory  # mpi4py 4, 3


def _alone() -> Any:
    from mpi4py import MPI

    return MPI.COMM_SELF


def _reach(datatype: Any, count: int) -> tuple[int, int]:
    """Offsets of the first byte that so many elements touch and of the byte behind the last."""
    if count == 0 or datatype.Get_size() == 0:
        return 0, 0
    lowest, size = datatype.Get_true_extent()
    last = (count - 1) * int(datatype.Get_extent()[1])
    return int(lowest) + min(0, last), int(lowest + size) + max(0, last)


def _copy(to: int, at: int, size: int, stream: Any) -> None:
    import cupy

    queue = _queue(stream)
    address = queue.ptr if hasattr(queue, "ptr") else queue.__cuda_stream__()[1]
    if size:
        cupy.cuda.runtime.memcpyAsync(to, at, size, cupy.cuda.runtime.memcpyDefault, address)


def _queue(stream: Any) -> Any:
    if stream is not None:
        return stream
    import cupy

    return cupy.cuda.get_current_stream()
