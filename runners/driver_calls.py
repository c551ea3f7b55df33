"""Calls of the CUDA driver that take arrays or old forms of arguments, straight from its library.

Lists of Python numbers that a binding turns into arrays at every call would be timed with what they start.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from gridstone import Unavailable


class CopyAttributes(ctypes.Structure):
    """CUmemcpyAttributes of cuda.h: when a source is read; the hints and flags behind it stay 0."""

    _fields_ = (("order", ctypes.c_int), ("rest", ctypes.c_ubyte * 60))


IN_STREAM_ORDER = 1  # CU_MEMCPY_SRC_ACCESS_ORDER_STREAM


@functools.cache
def library() -> Any:
    """libcuda, which a process that has opened a GPU has loaded."""
    return ctypes.CDLL("libcuda.so.1")


def call(name: str, *arguments: Any) -> None:
    """Call a function of the driver. Raises Unavailable where it has none of the name, RuntimeError where it fails."""
    function = getattr(library(), name, None)
    if function is None:
        raise Unavailable(f"this driver has no {name}")
    status = function(*arguments)
    if status != 0:
        raise RuntimeError(f"{name} failed with CUDA error {status}")


def batch_of_copies(targets: Any, sources: Any, sizes: Any, stream: int) -> Any:
    """A function that enqueues all copies by one call of cuMemcpyBatchAsync; the arrays (uint64) are kept alive.

    Raises Unavailable where the driver is older than CUDA 13.
    """
    function = getattr(library(), "cuMemcpyBatchAsync_v2", None)
    if function is None:
        raise Unavailable("this driver has no cuMemcpyBatchAsync of CUDA 13")
    attributes, first = CopyAttributes(order=IN_STREAM_ORDER), ctypes.c_size_t(0)
    arguments = (
        ctypes.c_void_p(targets.ctypes.data),
        ctypes.c_void_p(sources.ctypes.data),
        ctypes.c_void_p(sizes.ctypes.data),
        ctypes.c_size_t(targets.size),
        ctypes.byref(attributes),
        ctypes.byref(first),
        ctypes.c_size_t(1),
        ctypes.c_void_p(stream),
    )

    def enqueue(_kept: Any = (targets, sources, sizes)) -> None:
        status = function(*arguments)
        if status != 0:
            raise RuntimeError(f"cuMemcpyBatchAsync failed with CUDA error {status}")

    return enqueue
