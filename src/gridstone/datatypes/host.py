"""Packing and unpacking of strided blocks in host memory, by strided NumPy views."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridstone.datatypes.strided import Strided
from gridstone.errors import UsageError

Bytes = NDArray[np.uint8]
TWICE = "a datatype that reaches a byte twice can be packed, but not unpacked"


def pack(form: Strided, source: Any, packed: Any = None, *, origin: int = 0) -> Bytes:
    """The bytes of `source` that the form selects, one after the other as MPI_Pack leaves them.

    source: anything with a contiguous buffer; origin: the byte of it that the form's offsets count from. packed: a
    contiguous buffer of at least `form.size` bytes to write to, else a new array. Returns the packed bytes as
    a uint8 array. Raises UsageError where the form reaches beyond `source`, or `packed` is too small or cannot be
    written to.
    """
    view = blocks(form, as_bytes(source), origin) if form.size else None
    target = np.empty(form.size, dtype=np.uint8) if packed is None else _room(form, as_bytes(packed, written=True))
    if view is not None:
        target.reshape(view.shape)[...] = view
    return target


def unpack(form: Strided, packed: Any, target: Any, *, origin: int = 0) -> None:
    """Distribute packed bytes into `target`, as MPI_Unpack does.

    Raises UsageError where the form reaches beyond `target`, `target` cannot be written to, `packed` holds too few
    bytes, or the form reaches a byte twice, which MPI does not allow of a receive either.
    """
    if form.overlaps:
        raise UsageError(TWICE)
    given, memory = _room(form, as_bytes(packed)), as_bytes(target, written=True)
    if form.size:
        view = blocks(form, memory, origin)
        view[...] = given.reshape(view.shape)


def blocks(form: Strided, memory: Bytes, origin: int = 0) -> Bytes:
    """A view of shape (counts in the order of packing, block) over `memory`, which nothing is copied for."""
    low, high = form.span
    if origin + low < 0 or origin + high > memory.size:
        raise UsageError(
            f"the datatype reaches bytes {origin + low} to {origin + high} of a buffer of {memory.size} bytes"
        )
    shape = [count for count, _ in form.streams]
    strides = [stride for _, stride in form.streams]
    return np.ndarray((*shape, form.block), np.uint8, memory, origin + form.start, (*strides, 1))


def _room(form: Strided, room: Bytes) -> Bytes:
    if room.size < form.size:
        raise UsageError(f"the packed datatype has {form.size} bytes, its buffer {room.size}")
    return room[: form.size]


def as_bytes(buffer: Any, *, written: bool = False) -> Bytes:
    """The bytes of a contiguous buffer in host memory, in C or in Fortran order.

    Raises UsageError where it is none, or cannot be written to and is to be.
    """
    try:
        memory = buffer if isinstance(buffer, np.ndarray) else _flat(buffer)
    except (TypeError, BufferError) as error:
        raise UsageError(
            f"a buffer of a datatype is contiguous memory, such as an array of NumPy, a bytearray or an array on "
            f"a GPU: this {type(buffer).__name__} is not"
        ) from error
    if memory.dtype.hasobject:
        raise UsageError("a buffer of a datatype holds bytes: this array holds Python objects")
    if not memory.flags.forc:
        raise UsageError("a buffer of a datatype is contiguous memory: this array is not")
    if written and not memory.flags.writeable:
        raise UsageError(f"this {type(buffer).__name__} is read-only, and would be written to")
    return memory.ravel(order="K").view(np.uint8)


def _flat(buffer: Any) -> Any:
    # NumPy takes the memory of a view that is contiguous in Fortran order from its shape and strides alone
    view = memoryview(buffer)
    return np.asarray(view) if view.f_contiguous and not view.c_contiguous else np.frombuffer(view, dtype=np.uint8)
