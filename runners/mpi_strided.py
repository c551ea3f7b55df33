"""Strided blocks from the memory of one rank's GPU to that of another's: pack, move, unpack, each phase timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gridstone import datatypes
from gridstone.datatypes.device import prepared
from gridstone.datatypes.strided import Strided, strided

_GAP, _TURNS = 0xEE, 7


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One form in a device array and its packed bytes, for one way of a method.

    packed: where the kernel has the packed bytes. move: enqueues what packs or unpacks; copy: what brings the packed
    bytes to or from the host, None where MPI takes them where they are. wire: what MPI is given, the same memory as
    `packed` but for `staged`.
    """

    packed: Any
    move: Callable[[], object]
    copy: Callable[[], object] | None
    wire: Any


def leg(gpu: Any, form: Strided, memory: Any, direction: str, method: str) -> Leg:
    """What a message of `form` takes on one side. direction: `pack` before it is sent, `unpack` after it came."""
    on_device = method != "one_shot"
    packed = gpu.array(form.size) if on_device else gpu.pinned(form.size)
    move = prepared(form, memory, packed, direction, stream=gpu.stream)
    if method != "staged":
        return Leg(packed=packed, move=move, copy=None, wire=packed)
    wire = gpu.pinned(form.size)
    ends = (wire, packed) if direction == "pack" else (packed, wire)
    return Leg(packed=packed, move=move, copy=gpu.copier(*ends), wire=wire)


def from_packed(gpu: Any, form: Strided, memory: Any, other: Leg) -> Leg:
    """The leg that unpacks what another leg of this rank has packed."""
    move = prepared(form, memory, other.packed, "unpack", stream=gpu.stream)
    return Leg(packed=other.packed, move=move, copy=None, wire=other.wire)


def empty(gpu: Any, legs: Sequence[Leg]) -> None:
    """Leave nothing where the packed bytes of some legs arrive: what came the last time would pass for what comes."""
    for one in legs:
        for memory in (one.packed, one.wire):
            if isinstance(memory, np.ndarray):
                memory.fill(_GAP)
            else:
                gpu.fill(memory, _GAP)


def timed(gpu: Any, runs: Sequence[Callable[[], object]]) -> float:
    """Seconds from the first of some enqueued work until the GPU has done all of it."""
    start = time.perf_counter()
    for run in runs:
        run()
    gpu.stream.synchronize()
    return time.perf_counter() - start


def copies(legs: Sequence[Leg]) -> list[Callable[[], object]]:
    """What brings the packed bytes of some legs to or from the host."""
    return [one.copy for one in legs if one.copy is not None]


def zero_copy(rank: Any, form: Strided, memory: Any, packed: Any) -> float:
    """Seconds in which the first rank's GPU writes as many contiguous bytes into host memory, while the others wait."""
    taken = [0.0]
    if rank.rank == 0:
        plain = prepared(strided(0, form.size), memory, packed, "pack", stream=rank.gpu.stream)
        taken = [timed(rank.gpu, [plain]) for _ in range(_TURNS)]
    rank.comm.Barrier()
    return float(np.median(taken))


def round_trips(rank: Any, form: Strided, method: str) -> Any:
    """The program of a rank that sends the blocks of its memory to the other one, and gets as many back."""
    comm, peer, gpu, now = rank.comm, 1 - rank.rank, rank.gpu, time.perf_counter
    room = form.span[1]
    mine, theirs = rank.pattern(room, rank.rank), rank.pattern(room, peer)
    source, target = gpu.holding(mine), gpu.array(room, _GAP)
    out, into = leg(gpu, form, source, "pack", method), leg(gpu, form, target, "unpack", method)
    sent, received = [out.wire, rank.MPI.BYTE], [into.wire, rank.MPI.BYTE]

    yardstick = {"time_zero_copy": zero_copy(rank, form, source, out.packed)} if method == "one_shot" else {}

    def send() -> tuple[float, float]:
        packing = timed(gpu, [out.move])
        copying = timed(gpu, copies([out])) if out.copy else 0.0
        comm.Send(sent, peer)
        return packing, copying

    def receive() -> tuple[float, float]:
        comm.Recv(received, peer)
        copying = timed(gpu, copies([into])) if into.copy else 0.0
        return timed(gpu, [into.move]), copying

    def step() -> dict[str, float]:
        start = now()
        if rank.rank:
            unpacking, second = receive()
            packing, first = send()
        else:
            packing, first = send()
            unpacking, second = receive()
        each_way = (now() - start) / 2
        phases = {"time_pack": packing, "time_unpack": unpacking}
        if method == "staged":
            phases["time_copy"] = first + second
        return {**phases, "time_exchange": max(0.0, each_way - sum(phases.values())), **yardstick}

    def verify() -> bool:
        wanted = np.full(room, _GAP, dtype=np.uint8)
        datatypes.unpack(form, datatypes.pack(form, theirs), wanted)
        return bool(np.array_equal(gpu.read(target), wanted))

    def poison() -> None:
        gpu.fill(target, _GAP)
        empty(gpu, [into])

    return rank.Program(step=step, aligned=False, operations=2, poison=poison, verify=verify)
