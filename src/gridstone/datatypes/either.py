"""pack and unpack of datatypes, wherever the buffers are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gridstone.datatypes import device, host
from gridstone.datatypes.decode import form_of
from gridstone.errors import UsageError


def pack(datatype: Any, source: Any, packed: Any = None, *, count: int = 1, origin: int = 0, stream: Any = None) -> Any:
    """The bytes that a datatype selects, one after the other as MPI_Pack leaves them.

    datatype: a Strided, or an mpi4py Datatype, of which `count` elements are packed. source: a contiguous buffer, or an
    array in the memory of a GPU (with `__cuda_array_interface__`); origin: the byte of it that offsets count from.
    packed: where to write to, at least as many bytes; for a source on a GPU, an array there or page-locked host
    memory as a NumPy array. Unsaid, a new array beside the source (CuPy on a GPU). stream: of a GPU; the work is only
    enqueued on it: unsaid, on the one that the source says it is computed on, else on the default stream. Returns
    `packed`, or the new array of bytes.

    Raises Irregular for a datatype that is no strided block, UsageError where it reaches beyond the source, `packed`
    is too small, read-only or on the other side, and for a Strided with a count.
    """
    form = form_of(datatype, count)
    if not device.on_device(source):
        _beside(packed, "source")
        found = host.pack(form, source, packed, origin=origin)
        return found if packed is None else packed
    if packed is None:
        import cupy

        packed = cupy.empty(form.size, dtype=cupy.uint8)
    device.prepared(form, source, packed, "pack", origin=origin, stream=stream or _said(source))()
    return packed


def unpack(datatype: Any, packed: Any, target: Any, *, count: int = 1, origin: int = 0, stream: Any = None) -> None:
    """Distribute packed bytes into `target`, as MPI_Unpack does; arguments and errors as in `pack`.

    Raises UsageError for a datatype that may reach a byte twice, which MPI does not allow of a receive either.
    """
    form = form_of(datatype, count)
    if not device.on_device(target):
        _beside(packed, "target")
        host.unpack(form, packed, target, origin=origin)
        return
    if form.overlaps:
        raise UsageError(host.TWICE)
    device.prepared(form, target, packed, "unpack", origin=origin, stream=stream or _said(target))()


_DEFAULT = 1  # how the interface names the default stream


@dataclass(frozen=True)
class _Stream:
    """A stream by its handle, as cuda-core takes it."""

    handle: int

    def __cuda_stream__(self) -> tuple[int, int]:
        return (0, self.handle)


def _said(array: Any) -> _Stream | None:
    """The stream that an array of a GPU is computed on, as far as it says so (CUDA array interface 3)."""
    handle = array.__cuda_array_interface__.get("stream")
    return None if handle in (None, _DEFAULT) else _Stream(int(handle))


def _beside(packed: Any, other: str) -> None:
    if device.on_device(packed):
        raise UsageError(
            f"the packed bytes are in the memory of a GPU and the {other} is not: copy one to the other side"
        )
