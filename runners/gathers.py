"""Gathers on the GPU: lists of rows in several distributions, the work of a kernel that takes them, the check."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Order, Work
from gridstone.model.lines import Touched, touched

_counted = content.load_module(Path(__file__).with_name("counted.py")).counted
_DISTRIBUTIONS = {"uniform": 0, "sorted": 0, "sequential": 1, "zipf": 2, "neighbours": 3}
_LISTS = 4  # launches take turns at them, so that none finds in a cache what the last one read
_COUNTED_ROWS, _COUNTED_BYTES = 4096, 1 << 20


@dataclass(kw_only=True)
class Rows:
    """Lists of `count` rows each out of a table of `rows`, on the device; `turn` is the list in use."""

    gpu: Any
    order: Any
    count: int
    row_bytes: int
    align: int
    turn: int = 0

    @property
    def list(self) -> Any:
        """The list in use, as a CuPy array."""
        return self.order[self.turn * self.count : (self.turn + 1) * self.count]

    def next(self) -> Any:
        """The next list, which is then in use."""
        self.turn = (self.turn + 1) % _LISTS
        return self.list

    def wrong(self, gathered: Any) -> int:
        """How many words of `gathered` are not those of the rows of the list in use."""
        found = self.gpu.cp.zeros(1, dtype=np.uint64)
        args = [gathered, self.list, np.uint32(self.count), np.uint32(self.row_bytes // 4)]
        args += [np.uint64(self.align // 4), found]
        self.gpu.support("table.cu", "wrong_rows", 8 * self.gpu.multiprocessors, 256, args)
        return int(found.get()[0])

    def asked(self, method: str, vector: int) -> Touched:
        """What the rows ask of the memory, counted over the first list's head."""
        some = max(256, min(_COUNTED_ROWS, _COUNTED_BYTES // self.row_bytes))
        head = self.order[: min(some, self.count)].get()
        lines = method == "bulk_lines"
        found = touched(
            "bulk" if lines else method, row_bytes=self.row_bytes, vector=vector, order=head, align=self.align
        )
        return Touched(requests=found.lines, sectors=4 * found.lines, lines=found.lines) if lines else found


def in_bulk(method: str) -> bool:
    """Whether rows come by bulk copies: of their own bytes, or of all lines that they touch (`bulk_lines`)."""
    return method in ("bulk", "bulk_lines")


def shared_bytes(method: str, row_bytes: int, rows: int) -> int:
    """Shared memory for `rows` rows under way by bulk copies, each with its barrier; 0 for the other methods."""
    longest = row_bytes + 112 if method == "bulk_lines" else row_bytes
    return rows * (-(-longest // 128) * 128 + 8) if in_bulk(method) else 0


def rows(gpu: Any, *, footprint: int, row_bytes: int, align: int, count: int, distribution: str) -> Rows:
    """Lists of rows out of the first `footprint` bytes of a table."""
    among = (footprint - align) // row_bytes
    order = gpu.alloc(4 * _LISTS * count).view(np.uint32)
    half_bits = Order(n=among).half_bits
    kind, seed = _DISTRIBUTIONS[distribution], random.randrange(among)
    args = [order, np.uint32(_LISTS * count), np.uint32(among), np.uint32(half_bits), np.uint32(kind), np.uint32(seed)]
    gpu.support("table.cu", "rows_to_gather", 8 * gpu.multiprocessors, 256, args)
    if distribution == "sorted":
        for i in range(_LISTS):
            order[i * count : (i + 1) * count].sort()
    return Rows(gpu=gpu, order=order, count=count, row_bytes=row_bytes, align=align)


def gathering(
    gpu: Any,
    listed: Rows,
    *,
    table: int,
    method: str,
    vector: int,
    grid: int,
    warps: int,
    stages: int,
    keep: Any = None,
) -> Work:
    """The cell's kernel gather/zero_copy.cu over a table at address `table`, `grid` blocks of `warps` warps.

    stages: rows that a warp has under way by bulk copies. keep: what holds the table.
    """
    gathered = gpu.alloc(listed.count * listed.row_bytes)
    length = listed.row_bytes if in_bulk(method) else listed.row_bytes // vector
    shared = shared_bytes(method, listed.row_bytes, warps * stages)
    gpu.allow(gpu.kernel, shared)
    fixed = [np.uint32(listed.count), np.uint32(length), np.uint32(stages)]

    def enqueue() -> None:
        args = [gathered, table + listed.align, listed.next(), *fixed]
        gpu.enqueue(gpu.kernel, grid, 32 * warps, args, shared)

    asked = listed.asked(method, vector)
    work = gpu.call(
        enqueue,
        work=listed.count * listed.row_bytes,
        poison=lambda: gpu.memset(gathered, 0xFF),
        verify=lambda: listed.wrong(gathered) == 0,
        keep=[listed, keep],
    )
    return _counted(
        work,
        wire=listed.count * asked.wire_bytes,
        lines=listed.count * 128 * asked.requests,
        requests=listed.count * asked.requests,
    )
