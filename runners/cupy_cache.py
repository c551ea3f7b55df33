"""What the cache probes ask of the driver, and how they tell hits from misses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from cuda.bindings import driver

from gridstone.clock import Order, Work
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


def thresholds(gpu: Any, lines: Lines) -> tuple[float, float]:
    """Cycles that part hits of the near half of L2 from those of the far one, and hits from misses.

    Lines that all SMs have just stored lie in either half, and none is left after a flush.
    """
    lines.sweep("all")
    hits = lines.latencies()
    lines.sweep("one")
    near = float(np.median(lines.latencies()))
    gpu.flush_l2()
    misses = float(np.quantile(lines.latencies(), 0.1))
    far = float(np.quantile(hits, 0.9))
    if not near < far < misses:
        raise Unavailable("hits of L2 and misses take as long as each other here")
    return (near + far) / 2, (far + misses) / 2


def shares(taken: Any, parted: tuple[float, float]) -> dict[str, float]:
    """The shares of loads that hit L2, and that hit its near half."""
    near, hit = ((taken < threshold).mean() for threshold in parted)
    return {"hit_share": float(hit), "near_share": float(near)}


def settled(gpu: Any, memory: Any, stride: int, lines: int, sm: int, taken: Any, spent: Any) -> Any:
    """Cycles per hit of each line, of a chain of loads from one SM that has just fetched the line."""
    gpu.memset(taken, 0)
    gpu.memset(spent, 0)
    args = [memory, np.uint64(stride), np.uint32(lines), np.uint32(sm), taken, spent]
    gpu.enqueue(gpu.kernel, 8 * gpu.multiprocessors, 32, args)
    chain = spent.get().reshape(lines, 3)[:, 2].astype(np.float64)
    if not chain.all():
        raise RuntimeError("the wanted SM ran no block of the grid")
    return chain / 16


def beyond_a_hit(gpu: Any, args: Sequence[Any], spent: Any, before: Callable[[], None] | None = None) -> Work:
    """Work that reads off pairs.cu how much longer the first and the second load of a block take than a hit does."""

    def observe() -> dict[str, float]:
        if before is not None:
            before()
        gpu.enqueue(gpu.kernel, 1, 1, args)
        first, second, third, _ = spent.get().reshape(-1, 4).T.astype(np.float64)
        return {"latency_first": float(np.median(first - third)), "latency_second": float(np.median(second - third))}

    work: Work = gpu.observe(observe)
    return replace(
        work,
        poison=lambda: gpu.memset(spent, 0),
        verify=lambda: bool(spent.get().reshape(-1, 4)[:, 3].all()),
    )
