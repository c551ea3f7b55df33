"""Blocks at scattered places in host memory and on the device, moved between them in several ways."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_NAMES = ("driver_calls", "host_copies", "host_table", "counted", "lanes")
_calls, _copies, _tables, _counted, _lanes = (content.load_module(_here.with_name(f"{n}.py")) for n in _NAMES)
POOL = 256 << 20
_SMS, _THREADS, _TILE = 32, 512, 2048


@dataclass(kw_only=True)
class Way:
    """`count` blocks of one direction: addresses of both pools, and each block's place in them.

    packed: the blocks lie one behind the other on the host, in the order of the list. group: so many blocks lie one
    behind the other in both memories, and a copy of the driver takes them all.
    """

    gpu: Any
    outbound: bool
    block: int
    count: int
    packed: bool
    group: int = 1

    def __post_init__(self) -> None:
        gpu, rng = self.gpu, np.random.default_rng()
        self.there = self._places(rng)  # on the device
        self.here = np.arange(self.count, dtype=np.uint32) if self.packed else self._places(rng)  # on the host
        self.table = _tables.table(gpu, POOL) if self.outbound else _tables.target(gpu, POOL)
        self.pool = gpu.alloc(POOL)
        if not self.outbound:
            _tables.fill(gpu, self.pool.data.ptr, POOL)
        self.staging = gpu.alloc(self.block * self.count) if self.packed else None
        self.on_device = {name: gpu.cp.asarray(places) for name, places in (("there", self.there), ("here", self.here))}

    def _places(self, rng: Any) -> Any:
        """Places of the blocks in a pool (uint32): random ones for the groups, those of a group in turn."""
        firsts = rng.permutation(POOL // (self.block * self.group))[: self.count // self.group] * self.group
        return (firsts[:, None] + np.arange(self.group)).ravel().astype(np.uint32)

    @property
    def piece(self) -> int:
        """Bytes that one copy of the driver moves."""
        return self.block * self.group

    def addresses(self) -> tuple[Any, Any]:
        """Where each piece goes and where it comes from (uint64)."""
        size, firsts = np.uint64(self.block), slice(None, None, self.group)
        there = np.uint64(self.pool.data.ptr) + self.there[firsts].astype(np.uint64) * size
        here = np.uint64(self.table.host) + self.here[firsts].astype(np.uint64) * size
        return (there, here) if self.outbound else (here, there)

    def move_by_kernel(self, lane: Any) -> None:
        """Enqueue: the SMs copy the blocks, reading or writing host memory in place."""
        there, here = self.on_device["there"], self.on_device["here"]
        if self.outbound:
            self._kernel(lane, self.pool, self.table.device, there, here)
        else:
            self._kernel(lane, self.table.device, self.pool, here, there)

    def move_packed(self, lane: Any) -> None:
        """Enqueue: one copy between the host and staging memory on the device, a kernel between that and the pool."""
        size, there, staging = self.block * self.count, self.on_device["there"], self.staging.data.ptr
        if self.outbound:
            lane.copy(staging, self.table.host, size)
            self._kernel(lane, self.pool, self.staging, there, 0)
        else:
            self._kernel(lane, self.staging, self.pool, 0, there)
            lane.copy(self.table.host, staging, size)

    def _kernel(self, lane: Any, target: Any, source: Any, to: Any, of: Any) -> None:
        args = [target, source, to, of, np.uint32(self.count), np.uint32(self.block // _TILE)]
        grid = max(1, min(_SMS, self.count * self.block // (_TILE * _THREADS // 32)))
        lane.launch(self.gpu.kernel, grid, _THREADS, args)

    def poison(self) -> None:
        """Nothing of what the blocks are to become is there yet."""
        target = self.pool.data.ptr if self.outbound else self.table.device
        self.gpu.cp.cuda.runtime.memsetAsync(target, 0xFF, POOL, self.gpu.stream.ptr)
        self.gpu.synchronize()

    def right(self) -> bool:
        """Whether every block is where it should be."""
        gpu, there, here = self.gpu, self.on_device["there"], self.on_device["here"]
        wrong = gpu.cp.zeros(1, dtype=np.uint64)
        memory, of, to = (self.pool, here, there) if self.outbound else (self.table.device, there, here)
        args = [memory, of, to, np.uint32(self.count), np.uint64(self.block // 4), wrong]
        gpu.support("table.cu", "wrong_blocks", 4 * gpu.multiprocessors, 256, args)
        return int(wrong.get()[0]) == 0


def moved(gpu: Any, *, method: str, direction: str, threads: int, block: int, count: int, group: int = 1) -> Work:
    """Blocks moved; one call begins with its first call of the driver and ends when all blocks are there.

    method: `per_block` (a copy for each, by `threads` threads with a stream each and way), `batch` (one batched call
    per way), `packed` (one copy, and a kernel that spreads or collects the blocks on the device), `kernel`. group: of
    the blocks that lie one behind the other, `count` being a multiple of it. Raises ValueError where it is not, or
    where the blocks do not fit.
    """
    if count % group or block * count > POOL:
        raise ValueError(
            f"{count} blocks of {block} bytes in groups of {group}: whole groups of {POOL >> 20} MiB at most"
        )
    ways = [
        Way(gpu=gpu, outbound=name == "h2d", block=block, count=count, packed=method == "packed", group=group)
        for name in ("h2d", "d2h")
        if direction in (name, "both")
    ]
    lanes = [_lanes.Lane(gpu) for _ in range((threads if method == "per_block" else 1) * len(ways))]
    gpu.synchronize()
    start = _per_block(ways, lanes, threads) if method == "per_block" else _by_way(ways, lanes, method)

    def run() -> None:
        start()
        for lane in lanes:
            lane.synchronize()

    work = gpu.host_call(
        run,
        work=block * count * len(ways),
        poison=lambda: [way.poison() for way in ways],
        verify=lambda: all(way.right() for way in ways),
    )
    return _counted.counted(work, blocks=count * len(ways))


def _per_block(ways: list[Way], lanes: list[Any], threads: int) -> Callable[[], None]:
    """Threads take equal parts of the pieces; both ways take turns in each thread, on streams of their own."""
    loop, size = _copies.driver_copies(), np.uint64(ways[0].piece)
    pointers = [lane.pointer for lane in lanes]
    ends = [way.addresses() for way in ways]
    parts = []
    for thread, (lo, hi) in enumerate(_copies.parted(ends[0][0].size, threads)):
        own = pointers[thread * len(ways) : (thread + 1) * len(ways)]
        targets = np.stack([to[lo:hi] for to, _ in ends], axis=1).ravel()
        sources = np.stack([of[lo:hi] for _, of in ends], axis=1).ravel()
        parts.append((targets, sources, size, np.tile(np.array(own, dtype=np.uint64), hi - lo)))
    team = _copies.team(threads)
    return lambda: _copies.checked(*team.each(loop, parts))


def _by_way(ways: list[Way], lanes: list[Any], method: str) -> Callable[[], None]:
    """Each way on its lane, started one after the other by the calling thread."""
    starts: list[Callable[[], None]] = []
    for way, lane in zip(ways, lanes, strict=True):
        if method == "batch":
            targets, sources = way.addresses()
            sizes = np.full(targets.size, way.piece, dtype=np.uint64)
            starts.append(_calls.batch_of_copies(targets, sources, sizes, lane.pointer))
        elif method == "packed":
            starts.append(lambda way=way, lane=lane: way.move_packed(lane))
        else:
            starts.append(lambda way=way, lane=lane: way.move_by_kernel(lane))

    def start() -> None:
        for one in starts:
            one()

    return start
