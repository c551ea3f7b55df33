"""Arrays of a visit on the GPU (methods of `on_cupy.Gpu`): memory, values that can be checked, an L2 left empty."""

from __future__ import annotations

from typing import Any

import cupy as cp
import numpy as np


def alloc(gpu: Any, size: int) -> Any:
    """`size` bytes of device memory as a CuPy uint8 array, not initialised."""
    return gpu.memory.device(int(size))


def pinned(gpu: Any, size: int) -> Any:
    """`size` bytes of page-locked host memory as a NumPy uint8 array that the GPU can address."""
    return gpu.memory.pinned(int(size))


def memset(gpu: Any, array: Any, value: int) -> None:
    """Enqueue: every byte of a device array becomes `value`. The stream does not wait for a plain cudaMemset."""
    cp.cuda.runtime.memsetAsync(array.data.ptr, value, array.nbytes, gpu.stream.ptr)


def floats(gpu: Any, size: int) -> Any:
    """`size` bytes of device memory holding the checkable values of support/arrays.cu."""
    array = gpu.alloc(size).view(cp.float32)
    gpu.support("arrays.cu", "fill", 8 * gpu.multiprocessors, 512, [array, np.uint64(array.size)])
    return array


def mismatches(gpu: Any, array: Any, factor: float, offset: float) -> int:
    """How many floats of a device array differ from factor * value_at(i) + offset."""
    wrong = cp.zeros(1, dtype=cp.uint64)
    args = [array, np.uint64(array.size), np.float32(factor), np.float32(offset), wrong]
    gpu.support("arrays.cu", "mismatches", 8 * gpu.multiprocessors, 512, args)
    return int(wrong.get()[0])


def expected_sum(gpu: Any, count: int) -> int:
    """Sum modulo 2^32 of the bits of the first `count` checkable values."""
    total = cp.zeros(1, dtype=cp.uint32)
    gpu.support("arrays.cu", "expected_sum", 8 * gpu.multiprocessors, 512, [np.uint64(count), total])
    return int(total.get()[0])


def flush_l2(gpu: Any) -> None:
    """Overwrite more memory than L2 holds."""
    if gpu.scratch is None:
        gpu.scratch = cp.empty(4 * max(gpu.facts.l2, 32 << 20), dtype=cp.uint8)
    gpu.memset(gpu.scratch, 0)
