"""Copies over the link both ways at once, each by a copy engine or by SMs, and copies that share one way."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content
from gridstone.clock import Work

_here = Path(__file__)
_NAMES = ("host_table", "lanes", "side_by_side")
_tables, _lanes, _side = (content.load_module(_here.with_name(f"{name}.py")) for name in _NAMES)
_TILE, _THREADS = 2048, 512
_POOL = 256 << 20


def both_ways(gpu: Any, *, h2d: str, d2h: str, unit: int, sms: int, span_s: float) -> Work:
    """Work that observes bytes per second of each way and of both, while both are busy.

    h2d, d2h: `none`, `engine` (copies of the driver) or `sm` (the cell's kernel on `sms` SMs). Each unit copied goes
    on through 256 MiB. What arrived is checked once per visit, before anything is timed.
    """
    loads, outbound = [], []
    for by, to_device in ((h2d, True), (d2h, False)):
        if by != "none":
            loads.append(_load(gpu, by, to_device, unit, sms))
            outbound.append(to_device)
    for load in loads:
        _side.calibrate(gpu, load)

    def observe() -> dict[str, float]:
        found = _side.rates(gpu, loads, span_s)
        by_way = {way: unit * rate for way, rate in zip(outbound, found, strict=True)}
        ways = {"bandwidth_h2d": by_way.get(True, 0.0), "bandwidth_d2h": by_way.get(False, 0.0)}
        return {"bandwidth": sum(ways.values()), **ways}

    work: Work = gpu.observe(observe)
    return work


def _load(gpu: Any, by: str, to_device: bool, unit: int, sms: int) -> Any:
    table = _tables.table(gpu, _POOL) if to_device else _tables.target(gpu, _POOL)
    pool = gpu.alloc(_POOL)
    if to_device:
        gpu.memset(pool, 0xFF)
    else:
        _tables.fill(gpu, pool.data.ptr, _POOL)
        gpu.cp.cuda.runtime.memsetAsync(table.device, 0xFF, _POOL, gpu.stream.ptr)
    gpu.synchronize()
    lane, turn = _lanes.Lane(gpu), 0
    target, source = (pool.data.ptr, table.device) if to_device else (table.device, pool.data.ptr)

    def start(_kept: Any = pool) -> None:
        nonlocal turn
        place = turn * unit
        turn = (turn + 1) % (_POOL // unit)
        if by == "engine":
            lane.copy(target + place, source + place, unit)
        else:
            args = [target + place, source + place, 0, 0, np.uint32(1), np.uint32(unit // _TILE)]
            lane.launch(gpu.kernel, sms, _THREADS, args)

    for _ in range(_POOL // unit):
        start()
    lane.synchronize()
    if not _arrived(gpu, target, _POOL):
        raise RuntimeError("what was copied differs from its source")
    return _side.Load(lane=lane, start=start)


def _arrived(gpu: Any, memory: int, size: int) -> bool:
    """Whether memory holds the words of a table, looked at in blocks of 1 MiB."""
    wrong = gpu.cp.zeros(1, dtype=np.uint64)
    blocks = gpu.cp.arange(size >> 20, dtype=np.uint32)
    args = [memory, blocks, blocks, np.uint32(size >> 20), np.uint64((1 << 20) // 4), wrong]
    gpu.support("table.cu", "wrong_blocks", 4 * gpu.multiprocessors, 256, args)
    return int(wrong.get()[0]) == 0


def parted(gpu: Any, *, direction: str, count: int, size: int) -> Work:
    """One way in `count` parts on streams of their own; timed on the visit's stream from the fork to the join."""
    to_device = direction == "h2d"
    table = _tables.table(gpu, size) if to_device else _tables.target(gpu, size)
    pool = gpu.alloc(size)
    if not to_device:
        _tables.fill(gpu, pool.data.ptr, size)
    target, source = (pool.data.ptr, table.device) if to_device else (table.device, pool.data.ptr)
    lanes = [_lanes.Lane(gpu) for _ in range(count)]
    edges = [size * i // count // 4 * 4 for i in range(count + 1)]
    gpu.synchronize()

    def enqueue() -> None:
        fork = gpu.cp.cuda.Event(disable_timing=True)
        fork.record(gpu.stream)
        for i, lane in enumerate(lanes):
            lane.wait(fork)
            lane.copy(target + edges[i], source + edges[i], edges[i + 1] - edges[i])
            gpu.stream.wait_event(lane.event())

    def poison() -> None:
        gpu.cp.cuda.runtime.memsetAsync(target, 0xFF, size, gpu.stream.ptr)

    verify = functools.partial(_arrived, gpu, target, size)
    work: Work = gpu.call(enqueue, work=size, poison=poison, verify=verify, keep=pool)
    return work
