"""Rows gathered by threads through one buffer or two, with copies played by C functions on the host."""

from __future__ import annotations

import types
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from gridstone import content

numba = pytest.importorskip("numba")
pipeline = content.load_module(content.folder("runners") / "host_pipeline.py")
memcpy = pipeline._memcpy


@pytest.fixture(scope="module")
def played() -> Any:
    """The loop over a copy that is done at once, and events that count their uses; a stream of 1 refuses copies."""

    @numba.cfunc("int32(uint64, uint64, uint64, uint64)", nopython=True)
    def copy(target: int, source: int, size: int, stream: int) -> int:
        if stream == 1:
            return 700
        memcpy(target, source, size)
        return 0

    @numba.cfunc("int32(uint64, uint64)", nopython=True)
    def record(event: int, stream: int) -> int:
        return 0

    @numba.cfunc("int32(uint64)", nopython=True)
    def wait(event: int) -> int:
        return 0

    loop = pipeline.pipeline_by(copy.ctypes, record.ctypes, wait.ctypes)
    return types.SimpleNamespace(loop=loop, keep=(copy, record, wait))


def gathered(
    played: Any, *, threads: int, sides: int, rows: int, at_once: int, stream: int = 0
) -> tuple[Any, Any, list[int]]:
    rng, row_bytes = np.random.default_rng(rows), 36
    table = rng.integers(0, 256, (500, row_bytes), dtype=np.uint8)
    order = rng.integers(0, 500, rows, dtype=np.uint32)
    buffers = [np.zeros(at_once * row_bytes, np.uint8) for _ in range(sides)]
    target = np.zeros((rows, row_bytes), np.uint8)
    addresses = np.array([b.ctypes.data for b in buffers], np.uint64)
    fixed = (order, row_bytes, table.ctypes.data, addresses, at_once, target.ctypes.data, np.uint64(stream))
    fixed += (np.zeros(sides, np.uint64), pipeline.flags_for(threads))
    with ThreadPoolExecutor(threads) as pool:
        statuses = list(pool.map(lambda thread: played.loop(thread, threads, *fixed), range(threads)))
    return target, table[order], statuses


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("sides", [1, 2])
@pytest.mark.parametrize(("rows", "at_once"), [(1, 7), (64, 64), (100, 7), (101, 1000)])
def test_all_rows_arrive_in_their_order(played: Any, threads: int, sides: int, rows: int, at_once: int) -> None:
    found, expected, statuses = gathered(played, threads=threads, sides=sides, rows=rows, at_once=at_once)
    assert (found == expected).all()
    assert not any(statuses)


def test_a_refused_copy_is_said(played: Any) -> None:
    *_, statuses = gathered(played, threads=2, sides=2, rows=50, at_once=10, stream=1)
    assert 700 in statuses
