"""The kinds of work that bodies of GPU probes return (methods of `on_cupy.Gpu`), each with the clock that times it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from cuda.core import launch as launch_kernel

from gridstone import content
from gridstone.clock import BlockClock, CycleClock, EventClock, HostClock, ObservedClock, Work

_kernels = content.load_module(Path(__file__).with_name("cupy_kernels.py"))


def launch(
    gpu: Any,
    *,
    grid: int,
    block: int,
    args: Sequence[Any],
    work: float,
    shared: int = 0,
    cluster: int | None = None,
    poison: Callable[[], None] | None = None,
    verify: Callable[[], bool | None] | None = None,
) -> Work:
    """The cell's kernel, timed by events; `work` is what one launch does, in units of the metric."""
    kernel, passed = gpu.kernel, [_kernels.argument(a) for a in args]
    config = _kernels.config(grid, block, shared, cluster)
    gpu.allow(kernel, shared, cluster)
    return gpu.call(
        lambda: launch_kernel(gpu.core_stream, config, kernel, *passed),
        work=work,
        poison=poison,
        verify=verify,
        keep=args,
    )


def call(
    gpu: Any,
    enqueue: Callable[[], object],
    *,
    work: float,
    gated: bool = True,
    poison: Callable[[], None] | None = None,
    verify: Callable[[], bool | None] | None = None,
    keep: object = None,
) -> Work:
    """Anything that enqueues on `gpu.stream`, timed by events. `keep` holds what the work refers to."""
    before = gpu.flush_l2 if gpu.l2 == "flush" else None
    clock = EventClock(bench=gpu.bench, enqueue=enqueue, work=work, before=before, gated=gated)
    return Work(clock=clock, poison=poison, verify=verify, close=lambda: _forget(keep))


def host_call(
    gpu: Any,
    run: Callable[[], object],
    *,
    work: float,
    calls: int = 1,
    poison: Callable[[], None] | None = None,
    verify: Callable[[], bool | None] | None = None,
) -> Work:
    """Calls that have finished when `run` returns, timed by the host clock; `run` makes `calls` of them."""
    return Work(clock=HostClock(run=run, work=work, calls=calls), poison=poison, verify=verify)


def chain(
    gpu: Any,
    *,
    args: Callable[[int], Sequence[Any]],
    lengths: tuple[int, int],
    before: Callable[[], None] | None = None,
    expect: Callable[[], list[int]] | None = None,
    verify: Callable[[], bool | None] | None = None,
    shared: int = 0,
    grid: int = 1,
    block: int = 1,
    cluster: int | None = None,
) -> Work:
    """A dependent chain, timed by the cycle counter of the SM of the one thread that writes the Stamp.

    args(length): the arguments of a launch of that length; the kernel's last two parameters, the length and
    the Stamp to write, are added. expect(): the `result` of each launch since it was last asked, in order.
    verify(): what else there is to check after the last launch.
    """
    kernel, seen = gpu.kernel, []
    gpu.allow(kernel, shared, cluster)

    def enqueue(length: int, slot: int) -> None:
        passed = [*args(length), np.uint32(length), gpu.bench.slot(slot)]
        gpu.enqueue(kernel, grid, block, passed, shared, cluster)

    def stamps(count: int) -> Any:
        taken = gpu.bench.stamps(count)
        if expect is not None:
            seen.append([int(v) for v in taken["result"]] == expect())
        return taken

    def verified() -> bool | None:
        looked = verify() if verify is not None else None
        return all(seen) and looked is not False if expect is not None else looked

    clock = CycleClock(
        launch=enqueue,
        stamps=stamps,
        lengths=lengths,
        before=before,
        multiprocessors=gpu.multiprocessors,
    )
    return Work(clock=clock, verify=verified)


def fill(
    gpu: Any,
    *,
    block: int,
    args: Sequence[Any],
    work: float,
    shared: int = 0,
    poison: Callable[[], None] | None = None,
    verify: Callable[[], bool | None] | None = None,
) -> Work:
    """One block of the cell's kernel per SM, timed by the blocks themselves.

    The kernel's last parameter, an array with a Stamp per block to write, is added. `work` is what all blocks do.
    """
    kernel, stamped = gpu.kernel, gpu.multiprocessors
    gpu.allow(kernel, shared)
    passed = [*args, gpu.bench.slot(0)]
    clock = BlockClock(
        launch=lambda: gpu.enqueue(kernel, stamped, block, passed, shared),
        stamps=lambda: gpu.bench.stamps(stamped),
        work=work,
        multiprocessors=gpu.multiprocessors,
    )
    return Work(clock=clock, poison=poison, verify=verify, close=lambda: _forget(args))


def observe(gpu: Any, observe: Callable[[], Mapping[str, float]]) -> Work:
    """Work that reads its metrics off its own output, once per sample."""
    return Work(clock=ObservedClock(observe=observe, clocked=gpu.bench.clocked, multiprocessors=gpu.multiprocessors))


def _forget(_kept: object) -> None:
    """Holds the work's buffers until the cell is closed."""
