"""Strided blocks in the memory of a GPU: a form, its packed bytes and their check, and the copies of the driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.datatypes.strided import Strided

_layouts = content.load_module(Path(__file__).with_name("layouts.py"))


class Layout:
    """A form on the GPU: memory that it spreads over, its packed bytes on either side, and their check."""

    def __init__(self, gpu: Any, form: Strided, direction: str, destination: str) -> None:
        self.gpu, self.form, self._packing = gpu, form, direction == "pack"
        size = -(-form.span[1] // 4) * 4
        packed = -(-form.size // 4) * 4
        self.memory = gpu.floats(size).view(np.uint8) if self._packing else gpu.alloc(size)
        on_device = gpu.floats(packed).view(np.uint8)
        self._mapped = destination == "mapped"
        self.packed = gpu.pinned(packed) if self._mapped else on_device
        self._mirror = on_device
        if self._mapped and not self._packing:
            self._copy(self.packed.ctypes.data, on_device, packed)
            gpu.synchronize()

    def _copy(self, target: int, source: Any, size: int) -> None:
        gpu = self.gpu
        source = source.ctypes.data if isinstance(source, np.ndarray) else source.data.ptr
        gpu.cp.cuda.runtime.memcpyAsync(target, source, size, gpu.cp.cuda.runtime.memcpyDefault, gpu.stream.ptr)

    def poison(self) -> None:
        """Fill what will be written."""
        if not self._packing:
            self.gpu.memset(self.memory, 0xEE)
        elif self._mapped:
            self.packed[:] = 0xEE
        else:
            self.gpu.memset(self.packed, 0xEE)

    def verify(self) -> bool:
        """Packed bytes are those that the form reaches, byte by byte; unpacking left the others alone."""
        gpu, form = self.gpu, self.form
        gpu.synchronize()
        if self._mapped and self._packing:
            self._copy(self._mirror.data.ptr, self.packed, form.size)
        inward = (*reversed(form.streams), (1, 0), (1, 0), (1, 0))[:3]
        wrong = gpu.cp.zeros(3, dtype=np.uint64)
        counts = [np.uint64(inward[0][0]), np.uint64(inward[1][0])]
        strides = [np.int64(stride) for _, stride in inward]
        args = [self.memory, self._mirror, np.uint64(form.size), np.uint64(form.block), *counts, *strides, wrong]
        grid = 8 * gpu.multiprocessors
        gpu.support("strided.cu", "differences", grid, 256, args)
        if not self._packing:
            for slot, (array, size) in enumerate(((self.memory, form.span[1]), (self._mirror, form.size)), 1):
                gpu.support("strided.cu", "others", grid, 256, [array, np.uint64(size), np.uint32(0xEE), wrong[slot:]])
        different, written, given = (int(v) for v in wrong.get())
        return different == 0 and written == given


_SPAN = {"l2": 16 << 20, "dram": 1 << 30}  # at least, of memory: so that L2 holds half of the lines at the most
_BLOCKS = 1 << 23  # at least so many are visited: then the call takes next to nothing of the time
_THREADS, _STAYING, _LINE = 256, 8, 128


def one_side(gpu: Any, pattern: str, tier: str, block: int, stride: int) -> Any:
    """datatype/side.cu over blocks of `block` bytes, `stride` bytes apart, in what L2 holds or in a GiB and more.

    What writes to memory is taken by blocks of threads that do one word each and leave, as packing is.
    """
    span = _SPAN[tier]
    while tier == "dram" and span // stride * _LINE < 2 * gpu.facts.l2:
        span *= 2
    count, held = span // stride, block // 16
    passes = max(1, _BLOCKS // count)
    memory = gpu.alloc(span) if pattern == "write" else gpu.floats(span).view(np.uint8)
    staying = pattern == "read" or tier == "l2"
    grid = _STAYING * gpu.multiprocessors if staying else passes * count * held // _THREADS
    sums = gpu.alloc(4 * grid * _THREADS if pattern == "read" else 4).view(np.uint32)
    where = [np.uint64(count), np.uint64(block), np.uint64(stride)]

    def poison() -> None:
        gpu.memset(memory if pattern == "write" else sums, 0xEE)

    def verify() -> bool:
        if pattern == "read":
            total = gpu.cp.zeros(1, dtype=np.uint32)
            gpu.support("strided.cu", "words_in_blocks", 8 * gpu.multiprocessors, 256, [memory, *where, total])
            return int(sums.get().sum(dtype=np.uint32)) == int(total.get()[0]) * passes % 2**32
        wrong = gpu.cp.zeros(1, dtype=np.uint64)
        gpu.support("strided.cu", "not_filled", 8 * gpu.multiprocessors, 256, [memory, *where, np.uint64(span), wrong])
        return int(wrong.get()[0]) == 0

    return gpu.launch(
        grid=grid,
        block=_THREADS,
        args=[memory, np.uint32(count * held), np.uint32(passes), np.uint32(stride), sums],
        work=count * passes,
        poison=poison,
        verify=verify,
    )


def planar(layout: Layout, packing: bool) -> Callable[[], object]:
    """One cudaMemcpy2DAsync over the blocks of a form of two dimensions."""
    runtime, stream = layout.gpu.cp.cuda.runtime, layout.gpu.stream.ptr
    memory, packed, kind = layout.memory.data.ptr, layout.packed.data.ptr, runtime.memcpyDeviceToDevice
    block, (count, pitch) = layout.form.block, layout.form.streams[-1]
    if packing:
        return lambda: runtime.memcpy2DAsync(packed, block, memory, pitch, block, count, kind, stream)
    return lambda: runtime.memcpy2DAsync(memory, pitch, packed, block, block, count, kind, stream)


def one_by_one(layout: Layout) -> Callable[[], object]:
    """A cudaMemcpyAsync per block, which packs."""
    runtime, stream = layout.gpu.cp.cuda.runtime, layout.gpu.stream.ptr
    memory, packed, kind = layout.memory.data.ptr, layout.packed.data.ptr, runtime.memcpyDeviceToDevice
    block, places = layout.form.block, _layouts.places(layout.form)

    def run() -> None:
        for number, place in enumerate(places):
            runtime.memcpyAsync(packed + number * block, memory + place, block, kind, stream)

    return run


def cuboid(layout: Layout, packing: bool) -> Callable[[], object]:
    """One cuMemcpy3DAsync over the planes and rows of a form of three dimensions."""
    from cuda.bindings import driver

    (planes, plane), (rows, pitch) = layout.form.streams
    memory, packed, stream = layout.memory.data.ptr, layout.packed.data.ptr, layout.gpu.stream.ptr
    block, device = layout.form.block, driver.CUmemorytype.CU_MEMORYTYPE_DEVICE
    what = driver.CUDA_MEMCPY3D()
    what.WidthInBytes, what.Height, what.Depth = block, rows, planes
    sides = ("src", "dst") if packing else ("dst", "src")
    described = ((memory, pitch, plane // pitch), (packed, block, rows))
    for side, (address, row, height) in zip(sides, described, strict=True):
        setattr(what, f"{side}MemoryType", device)
        setattr(what, f"{side}Device", driver.CUdeviceptr(address))
        setattr(what, f"{side}Pitch", row)
        setattr(what, f"{side}Height", height)

    def copy() -> None:
        (status,) = driver.cuMemcpy3DAsync(what, driver.CUstream(stream))
        if status != driver.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"cuMemcpy3DAsync: {status.name}")

    return copy
