"""Packing and unpacking of strided blocks in the memory of a GPU, by the kernel that datatype/kernel measures."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

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
    None for the default stream. Raises UsageError where the form reaches beyond memory or packed is too small.
    """
    from cuda.core import Device, LaunchConfig, launch

    device = Device()
    device.set_current()
    at, room = extent(memory)
    to, space = extent(packed)
    low, high = form.span
    if origin + low < 0 or origin + high > room:
        raise UsageError(f"the datatype reaches bytes {origin + low} to {origin + high} of a buffer of {room} bytes")
    if space < form.size:
        raise UsageError(f"the packed datatype has {form.size} bytes, its buffer {space}")
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


def extent(buffer: Any) -> tuple[int, int]:
    """Address and bytes of a contiguous array."""
    described = getattr(buffer, "__cuda_array_interface__", None) or buffer.__array_interface__
    size = int(described["typestr"][2:])
    for count in described["shape"]:
        size *= int(count)
    strides = described.get("strides")
    if strides is not None and not _contiguous(described["shape"], strides, int(described["typestr"][2:])):
        raise UsageError("a buffer of a datatype is contiguous memory: this array is not")
    return int(described["data"][0]), size


def _contiguous(shape: tuple[int, ...], strides: tuple[int, ...], item: int) -> bool:
    expected = item
    for count, stride in zip(reversed(shape), reversed(strides), strict=True):
        if count != 1 and stride != expected:
            return False
        expected *= count
    return True


def _alignment(*addresses: int) -> int:
    """The largest power of two up to 16 that divides all of them."""
    together = 16
    for address in addresses:
        together |= address
    return together & -together
