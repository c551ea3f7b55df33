"""Packing and unpacking of strided blocks in the memory of a GPU, by the kernel that datatype/kernel measures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from gridstone.compile import compile_kernel
from gridstone.content import folder
from gridstone.datatypes.plan import pieces, plan
from gridstone.datatypes.strided import Strided
from gridstone.errors import UsageError


def on_device(buffer: Any) -> bool:
    """Whether it is an array in the memory of a GPU, as CuPy, PyTorch and numba make them."""
    return hasattr(buffer, "__cuda_array_interface__")


def prepared(
    form: Strided, memory: Any, packed: Any, direction: str, *, origin: int = 0, stream: Any = None
) -> Callable[[], None]:
    """What enqueues the kernels that pack `memory` into `packed` (`direction="pack"`) or unpack it, each time anew.

    memory: a contiguous device array; packed: one, or page-locked host memory that the GPU can address, as a NumPy
    array; both must outlive the calls. stream: a cuda-core stream or an object with `__cuda_stream__`, such as CuPy's;
    None for the default stream. Raises UsageError where the form reaches beyond memory, packed is too small, what is
    written is read-only, or packed is host memory that the GPU cannot reach.
    """
    from cuda.core import Device, LaunchConfig, launch

    device = Device()
    device.set_current()
    at, room = extent(memory, written=direction == "unpack")
    to, space = extent(packed, written=direction == "pack")
    low, high = form.span
    if origin + low < 0 or origin + high > room:
        raise UsageError(f"the datatype reaches bytes {origin + low} to {origin + high} of a buffer of {room} bytes")
    if space < form.size:
        raise UsageError(f"the packed datatype has {form.size} bytes, its buffer {space}")
    if form.size and not on_device(packed) and not device.properties.pageable_memory_access:
        _addressed(packed, to)
    queue = device.default_stream if stream is None else device.create_stream(stream)
    major, minor = device.compute_capability
    arch = f"sm_{major}{minor}{'a' if major >= 9 else ''}"
    launches = []
    for offset, piece in pieces(form):
        first, target = at + origin + piece.start, to + offset
        one = plan(piece, alignment=_alignment(first, target))
        kernel = _kernel(tuple(sorted(one.defines(direction).items())), arch)
        config = LaunchConfig(grid=one.grid, block=one.threads)
        launches.append((queue, config, kernel, first, target, *one.arguments))

    def enqueue() -> None:
        for arguments in launches:
            launch(*arguments)

    return enqueue


@cache
def _kernel(defines: tuple[tuple[str, str], ...], arch: str) -> Any:
    from cuda.core import ObjectCode

    binary = compile_kernel(folder("kernels_cuda") / "datatype" / "strided.cu", dict(defines), arch)
    return ObjectCode.from_cubin(binary.cubin).get_kernel("probe")


def extent(buffer: Any, *, written: bool = False) -> tuple[int, int]:
    """Address and bytes of a contiguous array. Raises UsageError where it is none, or read-only and to be written."""
    described = getattr(buffer, "__cuda_array_interface__", None) or getattr(buffer, "__array_interface__", None)
    if described is None:
        raise UsageError(
            "an array in the memory of a GPU, or page-locked host memory as a NumPy array, is needed: "
            f"this {type(buffer).__name__} is neither"
        )
    item, shape = np.dtype(described["typestr"]).itemsize, described["shape"]
    size, strides = item * math.prod(shape), described.get("strides")
    if strides is not None and size and not _contiguous(shape, strides, item):
        raise UsageError("a buffer of a datatype is contiguous memory: this array is not")
    address, read_only = described["data"]
    if written and read_only:
        raise UsageError("this array is read-only, and would be written to")
    return int(address), size


def _contiguous(shape: Sequence[int], strides: Sequence[int], item: int) -> bool:
    """In C or in Fortran order."""
    sides = [(count, stride) for count, stride in zip(shape, strides, strict=True) if count != 1]
    return any(
        [stride for _, stride in inward] == [item * math.prod(c for c, _ in inward[:i]) for i in range(len(inward))]
        for inward in (sides, sides[::-1])
    )


def _addressed(packed: Any, address: int) -> None:
    """Raises UsageError for host memory that a kernel cannot reach: it would end the process's use of the GPU."""
    from cuda.bindings import runtime

    status, found = runtime.cudaPointerGetAttributes(address)
    if status != runtime.cudaError_t.cudaSuccess or found.type == runtime.cudaMemoryType.cudaMemoryTypeUnregistered:
        raise UsageError(
            f"the GPU cannot reach this {type(packed).__name__} in host memory: take page-locked memory, such as "
            "numpy.frombuffer(cupy.cuda.alloc_pinned_memory(size), dtype=numpy.uint8, count=size)"
        )


def _alignment(*addresses: int) -> int:
    """The largest power of two up to 16 that divides all of them."""
    together = 16
    for address in addresses:
        together |= address
    return together & -together
