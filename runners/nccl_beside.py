"""Matrix multiplications beside a collective on the same GPUs: what each costs the other, and what overlap saves.

These run on the ranks; `rank.device.gpu` is the GPU of on_cupy.py with the kernel corun/load.cu.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content

_here = Path(__file__)
_loads, _side = (content.load_module(_here.with_name(f"{name}.py")) for name in ("loads", "side_by_side"))
_UNIT_S, _SPAN_S = 60e-6, 3e-3
_FEWEST, _MOST = 6, 48
_UNITS = 2  # launches of the multiplication per chunk


def beside(rank: Any, *, bytes: int, share: int, span_s: float = _SPAN_S) -> Any:
    """All-reduces of `bytes` beside bf16 matrix multiplications on `share` per cent of the SMs, on every rank.

    With all of the SMs the multiplication does not have them to itself: the collective's blocks come in between.
    """
    gpu, comm = rank.device.gpu, rank.comm
    given, into, check = _reduced(rank, bytes)
    kind = _multiplication(gpu, share)
    load = kind.load

    def reduce() -> None:
        comm.all_reduce(given, into)

    def reduced(count: int) -> Any:
        """Marks around that many collectives, which begin when all ranks have come; the first mark starts the rest."""
        comm.align()
        marks = [gpu.bench.event()]
        for _ in range(count):
            reduce()
            marks.append(gpu.bench.event())
        return marks

    def multiplied(count: int, begin: Any) -> Any:
        load.lane.wait(begin)
        marks = [load.lane.mark()]
        for _ in range(count):
            load.start()
            marks.append(load.lane.mark())
        return marks

    def timed(collectives: int, units: int) -> tuple[Any, Any]:
        """When each collective and each unit began, in seconds after all were let go together."""
        gpu.bench.close_gate()
        try:
            ours = reduced(collectives)
            theirs = multiplied(units, ours[0])
        finally:
            gpu.bench.open_gate()
        gpu.synchronize()
        load.lane.synchronize()
        elapsed = gpu.bench.elapsed_s
        return tuple(np.array([elapsed(ours[0], mark) for mark in marks]) for marks in (ours, theirs))  # type: ignore[return-value]

    reduce()
    gpu.synchronize()
    once = _agreed(rank, np.diff(timed(4, 0)[0]).mean())
    collectives = max(_FEWEST, min(_MOST, round(span_s / once)))
    units = max(_FEWEST, min(150, round(collectives * once / load.unit_s)))

    def observe() -> dict[str, float]:
        alone, _ = timed(collectives, 0)
        _, free = timed(0, units)
        both = timed(collectives, units)
        rates = _side.shared_rates(both)
        return {
            "slowdown": float(units / (free[-1] - free[0]) / rates[1]),
            "slowdown_beside": float(collectives / (alone[-1] - alone[0]) / rates[0]),
        }

    return rank.Program(
        observe=observe,
        poison=lambda: rank.device.poison(into),
        verify=lambda: check() and kind.right(),
    )


def overlapped(rank: Any, *, bytes: int, chunks: int) -> Any:
    """A multiplication in `chunks` parts, and an all-reduce of each part's share of `bytes` once that part is done.

    The multiplication takes about as long as the whole all-reduce, and leaves it an eighth of the SMs.
    """
    gpu, comm = rank.device.gpu, rank.comm
    given, into, check = _reduced(rank, bytes)
    edges = [given.size * part // chunks // 4 * 4 for part in range(chunks)] + [given.size]
    parts = [(given[a:b], into[a:b]) for a, b in itertools.pairwise(edges)]

    def gated(enqueue: Any) -> float:
        """Seconds of what `enqueue(begin)` puts on the stream and the lane, from when all ranks have come."""
        gpu.bench.close_gate()
        try:
            comm.align()
            begin = gpu.bench.event()
            enqueue(begin)
            end = gpu.bench.event()
        finally:
            gpu.bench.open_gate()
        gpu.synchronize()
        return float(gpu.bench.elapsed_s(begin, end))

    def whole(_begin: Any) -> None:
        comm.all_reduce(given, into)

    comm.all_reduce(given, into)
    for one in parts:
        comm.all_reduce(*one)
    gpu.synchronize()
    once = _agreed(rank, min(gated(whole) for _ in range(3)))
    kind = _multiplication(gpu, 88, once / chunks / _UNITS)
    load = kind.load

    def multiplied(begin: Any) -> None:
        load.lane.wait(begin)
        for _ in range(chunks * _UNITS):
            load.start()
        gpu.stream.wait_event(load.lane.event())

    def chunked(begin: Any) -> None:
        load.lane.wait(begin)
        for one in parts:
            for _ in range(_UNITS):
                load.start()
            gpu.stream.wait_event(load.lane.event())
            comm.all_reduce(*one)

    def observe() -> dict[str, float]:
        alone, reduced = gated(multiplied), gated(whole)
        rank.device.poison(into)  # so that a chunk which is not written shows
        together = gated(chunked)
        return {"time": together, "time_sum": alone + reduced, "overlap": together / (alone + reduced)}

    return rank.Program(
        observe=observe,
        poison=lambda: rank.device.poison(into),
        verify=lambda: check() and kind.right(),
    )


def _multiplication(gpu: Any, share: int, unit_s: float = _UNIT_S) -> Any:
    blocks = max(1, round(share / 100 * gpu.multiprocessors))
    return _loads.kind(gpu, "tensor", blocks=blocks, unit_s=unit_s, exclusive=share < 100)


def _reduced(rank: Any, size: int) -> tuple[Any, Any, Any]:
    """An array that this rank gives, one for the sum, and the check of the sum."""
    given, into = rank.device.array(size // 4), rank.device.array(size // 4)
    rank.device.fill(given, rank.rank + 1)
    return given, into, lambda: rank.device.right(into, rank.size * (rank.size + 1) / 2)


def _agreed(rank: Any, seconds: float) -> float:
    """The sum of what the ranks found over their number: all must then do the same number of collectives."""
    word, total = rank.device.array(4), rank.device.array(4)
    word.set(np.full(4, seconds, dtype=np.float32))
    rank.comm.all_reduce(word, total)
    rank.device.synchronize()
    return float(total[:1].get()[0]) / rank.size
