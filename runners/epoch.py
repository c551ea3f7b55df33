"""Features of mini-batches brought to the GPU, alone and while the GPU multiplies matrices for the batch before."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import Unavailable, content
from gridstone.clock import Work

_here = Path(__file__)
_NAMES = ("gathers", "graph_batches", "host_table", "lanes", "staging")
_gathers, _graph, _tables, _lanes, _staging = (content.load_module(_here.with_name(f"{name}.py")) for name in _NAMES)
_BATCHES, _HIDDEN, _PRODUCTS = 6, 256, 3  # rows of all batches are more than a cache of the host holds
_GRID, _WARPS = 16, 16  # few SMs fill the link; the others are left to the products
_BULK_BYTES = 64 << 10


def epoch(gpu: Any, *, method: str, bits: int, row_bytes: int, vector: int, threads: int) -> Work:
    """Work that observes seconds of bringing features, of the products, and the share that these hide.

    method: of the cell's kernel gather/zero_copy.cu, `staged` (threads of the host, two buffers, a copy) or `device`
    (the table on the GPU). bits: 2^bits vertices have a row each. The products are those of a hidden layer of 256, in
    single precision, forward and twice backward.
    """
    size = row_bytes << bits
    on_device = _on_device(gpu, size) if method == "device" else None  # ahead of what would lie in its way
    lists = _graph.batches(gpu, bits, _BATCHES)
    most = max(one.size for one in lists)
    gathered = [gpu.alloc(most * row_bytes) for _ in range(2)]
    orders = [gpu.cp.asarray(one) for one in lists]
    gathering = _gatherer(gpu, method, on_device, size, row_bytes, vector, threads, lists, orders)
    multiply = _products(gpu, most, row_bytes // 4)
    bytes_per_batch = sum(one.size for one in lists) * row_bytes / len(lists)

    def timed(fetch: bool, compute: bool) -> float:
        start = time.perf_counter()
        if compute:
            for _ in lists:
                multiply.start()
        if fetch:
            for i in range(len(lists)):
                gathering(i, gathered[i % 2])
        gpu.synchronize()
        multiply.lane.synchronize()
        return (time.perf_counter() - start) / len(lists)

    timed(fetch=True, compute=True)

    def observe() -> dict[str, float]:
        data, products, both = timed(True, False), timed(False, True), timed(True, True)
        return {
            "time": data,
            "time_products": products,
            "time_both": both,
            "time_epoch": data * (1 << bits) / _graph.SEEDS,
            "hidden": min(1.0, max(0.0, (data + products - both) / data)),
            "bandwidth": bytes_per_batch / data,
        }

    def right() -> bool:
        last = len(lists) - 1
        target = gathered[last % 2]
        gpu.memset(target, 0xFF)
        gathering(last, target)
        gpu.synchronize()
        wrong = gpu.cp.zeros(1, dtype=np.uint64)
        args = [target, orders[last], np.uint32(lists[last].size), np.uint32(row_bytes // 4), np.uint64(0), wrong]
        gpu.support("table.cu", "wrong_rows", 8 * gpu.multiprocessors, 256, args)
        return int(wrong.get()[0]) == 0

    work: Work = gpu.observe(observe)
    return replace(work, verify=right)


def _on_device(gpu: Any, size: int) -> Any:
    table = gpu.alloc(size)
    _tables.fill(gpu, table.data.ptr, size)
    return table


def _gatherer(
    gpu: Any, method: str, on_device: Any, size: int, row_bytes: int, vector: int, threads: int, lists: Any, orders: Any
) -> Callable[[int, Any], None]:
    """A function of a batch's number and where its rows go; kernels are enqueued, the host's gather is done.

    on_device: the table, where that lies there.
    """
    if on_device is not None:
        address, grid, warps, table = on_device.data.ptr, 2 * gpu.multiprocessors, 32, on_device
    else:
        held = _tables.table(gpu, size)
        address, grid, warps, table = held.device, _GRID, _WARPS, held
    if method == "staged":
        stager = _staging.Stager(gpu, held, method="double", memory="pinned", threads=threads, row_bytes=row_bytes)
        return lambda i, target: stager.gather(lists[i], target.data.ptr)
    in_bulk = _gathers.in_bulk(method)
    stages = max(1, _BULK_BYTES // (warps * row_bytes)) if in_bulk else 1
    shared = _gathers.shared_bytes(method, row_bytes, warps * stages)
    gpu.allow(gpu.kernel, shared)
    length = row_bytes if in_bulk else row_bytes // vector

    def enqueue(i: int, target: Any, _kept: Any = table) -> None:
        args = [target, address, orders[i], np.uint32(lists[i].size), np.uint32(length), np.uint32(stages)]
        gpu.enqueue(gpu.kernel, grid, 32 * warps, args, shared)

    return enqueue


class _Products:
    """Matrix products on a lane of their own, one batch's worth per `start()`."""

    def __init__(self, gpu: Any, rows: int, features: int) -> None:
        self.lane, self._cp = _lanes.Lane(gpu), gpu.cp
        shapes = ((rows, features), (features, _HIDDEN), (rows, _HIDDEN))
        a, b, c = (gpu.alloc(4 * m * n).view(np.float32).reshape(m, n) for m, n in shapes)
        for part in (a, b):
            part.fill(0.5)
        self._operands = a, b, c

    def start(self) -> None:
        """Enqueue the products of one batch."""
        a, b, c = self._operands
        with self.lane.stream:
            for _ in range(_PRODUCTS):
                self._cp.matmul(a, b, out=c)


def _products(gpu: Any, rows: int, features: int) -> _Products:
    products = _Products(gpu, rows, features)
    gpu.synchronize()
    try:
        products.start()
    except (ImportError, RuntimeError) as error:
        raise Unavailable(f"no matrix products here: {error}") from None
    products.lane.synchronize()
    return products
