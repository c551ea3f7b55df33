"""What the cache probes ask of the driver: how an SM's memory is divided, and lines of L2 that are to stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from cuda.bindings import driver

from gridstone.clock import Order
from gridstone.declaration import Unavailable

_LINE = 128


def divide(gpu: Any, carveout: int) -> None:
    """Ask that `carveout` per cent of the largest shared memory be kept for it while the cell's kernel runs."""
    attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT
    _done(driver.cuKernelSetAttribute(attribute, carveout, gpu.kernel.handle, gpu.device.device_id))


def attribute(gpu: Any, name: str) -> int:
    """A `CU_DEVICE_ATTRIBUTE_` of the GPU, by the rest of its name."""
    which = getattr(driver.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
    return int(_done(driver.cuDeviceGetAttribute(which, gpu.device.device_id)))


@contextmanager
def set_aside(size: int) -> Iterator[None]:
    """Let up to `size` bytes of L2 hold lines that persist; all of it is given back at the end."""
    limit = driver.CUlimit.CU_LIMIT_PERSISTING_L2_CACHE_SIZE
    _done(driver.cuCtxSetLimit(limit, size))
    try:
        yield
    finally:
        _done(driver.cuCtxResetPersistingL2Cache())
        _done(driver.cuCtxSetLimit(limit, 0))


@contextmanager
def persisting(gpu: Any, memory: Any) -> Iterator[None]:
    """What kernels enqueued on `gpu.stream` read of `memory` within this block is to persist in L2."""
    _window(gpu, int(memory.data.ptr), memory.nbytes, driver.CUaccessProperty.CU_ACCESS_PROPERTY_PERSISTING)
    try:
        yield
    finally:
        _window(gpu, 0, 0, driver.CUaccessProperty.CU_ACCESS_PROPERTY_NORMAL)


def _window(gpu: Any, base: int, size: int, hit: Any) -> None:
    value = driver.CUstreamAttrValue()
    window = driver.CUaccessPolicyWindow()
    window.base_ptr, window.num_bytes, window.hitRatio = base, size, 1.0
    window.hitProp = hit
    window.missProp = driver.CUaccessProperty.CU_ACCESS_PROPERTY_NORMAL
    value.accessPolicyWindow = window
    which = driver.CUstreamAttrID.CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW
    _done(driver.cuStreamSetAttribute(driver.CUstream(gpu.stream.ptr), which, value))


def _done(answer: tuple[Any, ...]) -> Any:
    status, *rest = answer
    if int(status) != 0:
        raise Unavailable(f"the driver refuses ({driver.CUresult(status).name})")
    return rest[0] if rest else None


class Lines:
    """An array of `size` bytes whose lines of 128 bytes hold their own addresses, and a random order of the lines."""

    def __init__(self, gpu: Any, size: int, timed: int) -> None:
        self._gpu, self._timed, self._next = gpu, min(timed, size // _LINE), 0
        self.order = Order(n=size // _LINE)
        self.memory, self._sink = gpu.alloc(size), gpu.alloc(4)
        self._cycles, self._wrong = gpu.alloc(4 * timed).view(np.uint32), gpu.alloc(4).view(np.uint32)
        line, count, _ = self._shape()
        gpu.support("ring.cu", "self_addresses", gpu.multiprocessors, 256, [self.memory, line, count])

    def sweep(self, pattern: str) -> None:
        """Read all lines once past L1: by the SM of the first block alone (`one`), or by all SMs."""
        _, count, _ = shape = self._shape()
        grid, block = (1, 1024) if pattern == "one" else (8 * self._gpu.multiprocessors, 256)
        self._gpu.support("ring.cu", "visit", grid, block, [self.memory, *shape, np.uint32(0), count, self._sink])

    def latencies(self) -> Any:
        """Cycles, the clock's own included, of single loads of `timed` lines, others than the last time, by one SM."""
        count = np.uint32(self._timed)
        tail = [np.uint32(self._next), count, np.uint32(1), self._cycles, self._wrong]
        self._gpu.enqueue(self._gpu.kernel, 1, 1, [self.memory, *self._shape(), *tail])
        self._next = (self._next + self._timed) % self.order.n
        return self._cycles.get()[: self._timed].astype(np.float64)

    def right(self) -> bool:
        """Whether each of the last loads returned the address of its line."""
        return int(self._wrong.get()[0]) == 0

    def _shape(self) -> tuple[Any, Any, Any]:
        return np.uint64(_LINE), np.uint32(self.order.n), np.uint32(self.order.half_bits)
