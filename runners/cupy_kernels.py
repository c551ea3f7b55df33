"""Kernels enqueued by cuda-core (methods of `on_cupy.Gpu`): the cell's, and those that lend a hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cupy as cp
import numpy as np
from cuda.bindings import driver
from cuda.core import LaunchConfig, ObjectCode, launch

from gridstone import content
from gridstone.compile import compile_kernel


def support(gpu: Any, file: str, name: str, grid: int, block: int, args: Sequence[Any]) -> None:
    """Enqueue a kernel of kernels_cuda/support."""
    key = f"{file}:{name}"
    if key not in gpu.supports:
        path = content.folder("kernels_cuda") / "support" / file
        binary = compile_kernel(path, {}, gpu.facts.arch)
        gpu.supports[key] = ObjectCode.from_cubin(binary.cubin).get_kernel(name)
    launch(gpu.core_stream, LaunchConfig(grid=grid, block=block), gpu.supports[key], *map(argument, args))


def enqueue(
    gpu: Any, kernel: Any, grid: int, block: int, args: Sequence[Any], shared: int = 0, cluster: int | None = None
) -> None:
    """Enqueue one launch of a kernel; `cluster` blocks share one cluster."""
    launch(gpu.core_stream, config(grid, block, shared, cluster), kernel, *map(argument, args))


def allow(gpu: Any, kernel: Any, shared: int, cluster: int | None = None) -> None:
    """Let a kernel have what needs leave: over 48 KiB of dynamic shared memory, clusters of more than 8 blocks."""
    attributes = driver.CUfunction_attribute
    wanted = []
    if shared > 48 << 10:
        wanted.append((attributes.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared))
    if cluster is not None and cluster > 8:
        wanted.append((attributes.CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1))
    for attribute, value in wanted:
        (status,) = driver.cuKernelSetAttribute(attribute, value, kernel.handle, gpu.device.device_id)
        if status != 0:
            raise RuntimeError(f"{attribute.name} = {value} is not to be had ({status.name})")


def config(grid: int, block: int, shared: int, cluster: int | None) -> LaunchConfig:
    """`grid` counts blocks; cuda-core counts clusters where there are any."""
    clusters, rest = divmod(grid, cluster or 1)
    if rest:
        raise ValueError(f"{grid} blocks are no whole number of clusters of {cluster}")
    return LaunchConfig(grid=clusters, block=block, shmem_size=shared, cluster=cluster)


def argument(value: Any) -> Any:
    """What cuda-core passes: addresses as Python integers, scalars with their NumPy type."""
    if isinstance(value, cp.ndarray):
        return int(value.data.ptr)
    if isinstance(value, np.ndarray):
        return int(value.ctypes.data)
    return value
