"""What the cache probes ask of the driver: how L1 is divided, which lines of L2 may persist, what it reports."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from cuda.bindings import driver

from gridstone.clock import Work
from gridstone.declaration import Unavailable

_REPORTED = {
    "l2_size": "L2_CACHE_SIZE",
    "shared_size": "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR",
    "persisting_size": "MAX_PERSISTING_L2_CACHE_SIZE",
    "window_size": "MAX_ACCESS_POLICY_WINDOW_SIZE",
    "constant_size": "TOTAL_CONSTANT_MEMORY",
}


def divide(gpu: Any, carveout: int) -> None:
    """Ask that `carveout` per cent of the largest shared memory be kept for it while the cell's kernel runs."""
    attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT
    _done(driver.cuKernelSetAttribute(attribute, carveout, gpu.kernel.handle, gpu.device.device_id))


def attribute(gpu: Any, name: str) -> int:
    """A `CU_DEVICE_ATTRIBUTE_` of the GPU, by the rest of its name."""
    which = getattr(driver.CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")
    return int(_done(driver.cuDeviceGetAttribute(which, gpu.device.device_id)))


def reported(gpu: Any) -> Work:
    """Work that reads off what the driver says of the caches, in bytes."""
    work: Work = gpu.observe(lambda: {name: float(attribute(gpu, which)) for name, which in _REPORTED.items()})
    return work


def constant_chase(gpu: Any, footprint: int) -> Work:
    """latency/constant_chase.cu, a word per 64 bytes of the footprint; each launch goes on where the last ended."""
    ring = gpu.offsets(footprint, 64, unit=1)
    gpu.copy_to_constant("ring", ring.memory)
    warm = 2 * footprint // 64
    work: Work = gpu.chain(
        args=lambda length: [np.uint32(ring.walk.step(warm + length)), np.uint32(warm)],
        lengths=(512, 2560),
        expect=ring.walk.expect,
    )
    return work


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
