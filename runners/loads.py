"""The kinds of work that run beside each other: each in units of a set length, each checked against the host."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content

_here = Path(__file__)
_NAMES = ("gathers", "host_table", "lanes", "side_by_side")
_gathers, _tables, _lanes, _side = (content.load_module(_here.with_name(f"{name}.py")) for name in _NAMES)

KERNELS = ("tensor", "stream", "gemv", "gather", "small")  # in the order of the bits of `Kind` in corun/load.cu
COPIES = ("h2d", "d2h")
_BLOCK, _WARPS, _PIECE = 256, 8, 2048
_READ, _GATHERED, _COPIED = 1 << 30, 256 << 20, 2 << 20
_TILE_M, _TILE_N, _TILE_K = 64, 32, 64
_ONE = 0x3F80  # 1.0 as bf16
_SMALL_ROUNDS, _SMALL_LAUNCHES = 64, 16
_CHECKED = 64  # rows, or rounds of a loop, that the host computes
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(kw_only=True)
class Kind:
    """One kind of work on a lane: `load` is what is timed, `right()` runs a unit on poisoned outputs and checks it."""

    load: Any
    right: Callable[[], bool]
    keep: Any = None


def kind(gpu: Any, name: str, *, blocks: int, unit_s: float, exclusive: bool, pointer: int | None = None) -> Kind:
    """Work of that kind on a new lane, or on the stream at `pointer`.

    blocks: blocks of a kernel, which stay until its unit is done. unit_s: how long a unit takes alone, about.
    exclusive: a block asks for more than half of an SM's shared memory, so that it has the SM to itself.
    """
    lane = _lanes.Lane(gpu, pointer)
    if name in COPIES:
        return _copies(gpu, lane, name == "h2d")
    if name == "small":
        return _small(gpu, lane)
    return _kernel(gpu, lane, name, blocks=blocks, unit_s=unit_s, shared=_more_than_half(gpu) if exclusive else 0)


def words_at(places: Any) -> Any:
    """The words that tables hold at these places (uint32), as support/table.cu computes them."""
    return (np.asarray(places, dtype=np.uint64) * _ODD >> np.uint64(32)).astype(np.uint32)


def lane_sums(a: Any, b: Any) -> Any:
    """What each of a warp's 32 lanes sums up of a (64 x K) times b (32 x K) transposed, by the layout of mma.sync."""
    product = a.astype(np.int64) @ b.astype(np.int64).T
    rows = np.arange(_TILE_M).reshape(-1, 8)
    columns = np.arange(_TILE_N).reshape(-1, 8)
    return np.array(
        [product[np.ix_(rows[:, i // 4], columns[:, i % 4 * 2 : i % 4 * 2 + 2].ravel())].sum() for i in range(32)]
    )


def _more_than_half(gpu: Any) -> int:
    """Dynamic shared memory in bytes that two blocks cannot have on one SM, beside 14 KiB of the kernel's own."""
    per_sm = gpu.cp.cuda.runtime.deviceGetAttribute(81, 0)  # cudaDevAttrMaxSharedMemoryPerMultiprocessor
    return int(per_sm) // 2 - (12 << 10)


def _kernel(gpu: Any, lane: Any, name: str, *, blocks: int, unit_s: float, shared: int) -> Kind:
    """A unit is one launch; how many rounds it takes is found from two lengths."""
    number, threads = KERNELS.index(name), blocks * _BLOCK
    out = gpu.alloc(max(4 * threads, _GATHERED if name == "gather" else 4 * (_READ // _PIECE)))
    memory, other, pieces, check = _data(gpu, name, out, threads)
    kernel, first, rounds = gpu.kernel, 0, _CHECKED
    gpu.allow(kernel, shared)

    def start(times: int | None = None) -> None:
        nonlocal first
        length = times or rounds
        args = [np.uint32(1 << number), memory, other, out, np.uint32(first), np.uint64(pieces - 1), np.uint32(length)]
        lane.launch(kernel, blocks, _BLOCK, args, shared)
        first = (first + length * blocks * _WARPS) % pieces

    load = _side.Load(lane=lane, start=start)
    for _ in range(2):
        _side.calibrate(gpu, load)
        rounds = max(1, round(rounds * unit_s / load.unit_s))
    _side.calibrate(gpu, load)

    def right() -> bool:
        begun = first
        gpu.memset(out, 0xFF)
        gpu.synchronize()
        length = min(rounds, _CHECKED)
        start(length)
        lane.synchronize()
        return check(begun, length)

    return Kind(load=load, right=right, keep=[memory, other, out])


def _data(gpu: Any, name: str, out: Any, threads: int) -> tuple[Any, Any, int, Callable[[int, int], bool]]:
    """Memory that a kernel reads, what else it reads, how many pieces of 2 KiB it goes through, and its check."""
    if name == "tensor":
        return _tensor(gpu, out, threads)
    if name == "gather":
        return _gather(gpu, out)
    memory = gpu.alloc(_READ)
    _tables.fill(gpu, memory.data.ptr, _READ)
    pieces, warps = _READ // _PIECE, threads // 32
    if name == "stream":

        def summed(first: int, rounds: int) -> bool:
            """The first warps' sums of what their lanes read."""
            some = np.arange(min(warps, 8))
            place = (first + np.arange(rounds)[:, None] * warps + some) % pieces
            words = words_at(place[:, :, None] * (_PIECE // 4) + np.arange(_PIECE // 4))
            expected = words.reshape(rounds, some.size, 4, 32, 4).sum(axis=(0, 2, 4), dtype=np.uint32)
            return bool((out[: 4 * 32 * some.size].view(np.uint32).get() == expected.ravel()).all())

        return memory, 0, pieces, summed
    vector = np.random.default_rng().integers(-128, 128, _PIECE).astype(np.int8)

    def multiplied(first: int, rounds: int) -> bool:
        """Some rows of the product."""
        rows = (first + np.arange(min(_CHECKED, rounds * warps))) % pieces
        words = words_at(rows[:, None] * (_PIECE // 4) + np.arange(_PIECE // 4))
        expected = words.view(np.int8).astype(np.int32) @ vector.astype(np.int32)
        found = out[: 4 * pieces].view(np.int32)[gpu.cp.asarray(rows)].get()
        return bool((found == expected).all())

    return memory, gpu.cp.asarray(vector), pieces, multiplied


def _tensor(gpu: Any, out: Any, threads: int) -> tuple[Any, Any, int, Callable[[int, int], bool]]:
    """Operands of 1 and -1: products are exact, and as many bits flip as in any sum of both signs."""
    signs = np.random.default_rng().choice([-1, 1], (_TILE_M + _TILE_N, _TILE_K))
    operands = np.where(signs > 0, _ONE, _ONE | 0x8000).astype(np.uint16)
    sums = lane_sums(signs[:_TILE_M], signs[_TILE_M:])

    def exact(_first: int, rounds: int) -> bool:
        found = out[: 4 * threads].view(np.float32).get().reshape(-1, 32)
        return bool((found == rounds * sums).all())

    return gpu.cp.asarray(operands), 0, 1 << 20, exact


def _gather(gpu: Any, out: Any) -> tuple[Any, Any, int, Callable[[int, int], bool]]:
    table, pieces = _tables.table(gpu, 4 << 30), _GATHERED // _PIECE
    listed = _gathers.rows(gpu, footprint=4 << 30, row_bytes=_PIECE, align=0, count=pieces // 4, distribution="uniform")
    order = listed.order.get()

    def fetched(first: int, rounds: int) -> bool:
        places = (first + np.arange(min(_CHECKED, rounds * _WARPS))) % pieces
        expected = words_at(
            order[places].astype(np.uint64)[:, None] * np.uint64(_PIECE // 4) + np.arange(_PIECE // 4, dtype=np.uint64)
        )
        rows = out[:_GATHERED].view(np.uint32).reshape(pieces, -1)
        return bool((rows[gpu.cp.asarray(places)].get() == expected).all())

    return table.device, listed.order, pieces, fetched


def _small(gpu: Any, lane: Any) -> Kind:
    """A unit is a graph of one small kernel after the other, of one block each, so that the host is not in it."""
    out, kernel = gpu.alloc(4 * _BLOCK), gpu.kernel
    args = [np.uint32(1 << KERNELS.index("small")), 0, 0, out, np.uint32(0), np.uint64(0), np.uint32(_SMALL_ROUNDS)]
    lane.launch(kernel, 1, _BLOCK, args)  # loaded before it is captured
    lane.synchronize()
    lane.stream.begin_capture()
    for _ in range(_SMALL_LAUNCHES):
        lane.launch(kernel, 1, _BLOCK, args)
    graph = lane.stream.end_capture()
    expected = np.arange(_BLOCK, dtype=np.uint32)
    for _ in range(_SMALL_ROUNDS):
        expected = expected * np.uint32(5) + np.uint32(1)
    load = _side.Load(lane=lane, start=lambda: graph.launch(lane.stream))
    _side.calibrate(gpu, load)

    def right() -> bool:
        gpu.memset(out, 0xFF)
        gpu.synchronize()
        load.start()
        lane.synchronize()
        return bool((out.view(np.uint32).get() == expected).all())

    return Kind(load=load, right=right, keep=[graph, out])


def _copies(gpu: Any, lane: Any, to_device: bool) -> Kind:
    """A unit is one copy of 2 MiB by a copy engine, on through 256 MiB."""
    size = _GATHERED
    table = _tables.table(gpu, size) if to_device else _tables.target(gpu, size)
    pool, turn = gpu.alloc(size), 0
    if not to_device:
        _tables.fill(gpu, pool.data.ptr, size)
        gpu.synchronize()
    target, source = (pool.data.ptr, table.device) if to_device else (table.device, pool.data.ptr)

    def start() -> None:
        nonlocal turn
        lane.copy(target + turn * _COPIED, source + turn * _COPIED, _COPIED)
        turn = (turn + 1) % (size // _COPIED)

    load = _side.Load(lane=lane, start=start)
    _side.calibrate(gpu, load)

    def right() -> bool:
        place = turn * _COPIED
        gpu.cp.cuda.runtime.memsetAsync(target + place, 0xFF, _COPIED, gpu.stream.ptr)
        gpu.synchronize()
        start()
        lane.synchronize()
        arrived = pool[place : place + _COPIED].get() if to_device else table.bytes()[place : place + _COPIED]
        expected = words_at(np.arange(place // 4, (place + _COPIED) // 4))
        return bool((arrived.view(np.uint32) == expected).all())

    return Kind(load=load, right=right, keep=pool)
