"""What the ranks of NCCL do in a cell; these run on the ranks (nccl_rank.py), each with its own device.

Whole numbers go in, so that what comes out is exact whatever the order of the additions.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from gridstone import content

_own = content.load_module(Path(__file__).with_name("own_work.py"))
_WHOLE = ("allreduce", "reduce", "broadcast")  # of arrays that are not divided among the ranks


def collective(rank: Any, *, collective: str, bytes: int) -> Any:
    """A collective over `bytes`, the larger of what a rank gives and gets."""
    device, comm, size, me = rank.device, rank.comm, rank.size, rank.rank
    count, part = bytes // 4, bytes // 4 // size
    total = size * (size + 1) // 2
    step: Callable[[], object]
    every = range(size)
    if collective in _WHOLE:
        given, into = device.array(count), device.array(count)
        device.fill(given, me + 1)
        call = {"allreduce": comm.all_reduce, "reduce": comm.reduce, "broadcast": comm.broadcast}[collective]
        step = functools.partial(call, given, into)
        expected = [(into, 1 if collective == "broadcast" else total)]
        if collective == "reduce" and me:
            expected = []
    elif collective == "allgather":
        given, into = device.array(part), device.array(part * size)
        device.fill(given, me + 1)
        step = functools.partial(comm.all_gather, given, into)
        expected = [(into[p * part : (p + 1) * part], p + 1) for p in every]
    elif collective == "reduce_scatter":
        given, into = device.array(part * size), device.array(part)
        for p in every:
            device.fill(given[p * part : (p + 1) * part], me + 1 + p)
        step = functools.partial(comm.reduce_scatter, given, into)
        expected = [(into, total + size * me)]
    else:
        given, into = device.array(part * size), device.array(part * size)
        for p in every:
            device.fill(given[p * part : (p + 1) * part], me * size + p + 1)
        sends = [(given[p * part : (p + 1) * part], p) for p in every]
        receives = [(into[p * part : (p + 1) * part], p) for p in every]
        step = functools.partial(comm.exchange, sends, receives)
        expected = [(array, p * size + me + 1) for array, p in receives]
    return rank.Program(
        step=step,
        poison=lambda: device.poison(into),
        verify=(lambda: all(device.right(array, factor) for array, factor in expected)) if expected else None,
    )


_once = collective  # a parameter has that name below


def repeated(rank: Any, *, collective: str, bytes: int, delay: float) -> Any:
    """The collective behind work of each rank's host. delay: seconds that the last one is held up for (own_work.py)."""
    program = _once(rank, collective=collective, bytes=bytes)
    return replace(program, before=_own.before(rank.rank, rank.size, delay))


def message(rank: Any, *, bytes: int) -> Any:
    """A message to the other rank and its answer."""
    device, comm, peer = rank.device, rank.comm, 1 - rank.rank
    out, into = device.array(bytes // 4), device.array(bytes // 4)
    device.fill(out, rank.rank + 1)
    turns: list[Any] = [([(out, peer)], []), ([], [(into, peer)])]
    if rank.rank:
        turns.reverse()

    def step() -> None:
        for sends, receives in turns:
            comm.exchange(sends, receives)

    return rank.Program(
        step=step, operations=2, poison=lambda: device.poison(into), verify=lambda: device.right(into, peer + 1)
    )


def neighbours(rank: Any, *, direction: str, bytes: int) -> Any:
    """A message to the next rank and one from the rank before, or both ways round."""
    device, comm, size, me = rank.device, rank.comm, rank.size, rank.rank
    right, left = (me + 1) % size, (me - 1) % size
    ways = [(right, left)] if direction == "one" else [(right, left), (left, right)]
    out = device.array(bytes // 4)
    device.fill(out, me + 1)
    into = [device.array(bytes // 4) for _ in ways]
    sends = [(out, there) for there, _ in ways]
    receives = [(array, source) for array, (_, source) in zip(into, ways, strict=True)]
    return rank.Program(
        step=lambda: comm.exchange(sends, receives),
        poison=lambda: [device.poison(array) for array in into],
        verify=lambda: all(device.right(array, source + 1) for array, source in receives),
    )
