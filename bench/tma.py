"""Copies between global and shared memory that no thread carries: bulk, by tensor map, and cp.async before them."""

import numpy as np

from gridstone import (
    bandwidth,
    bandwidth_per_clock,
    compute_capability,
    content,
    cycles,
    gpu_memory,
    loop,
    probe,
    values,
)
from gridstone import dram as dram_peak
from gridstone.declaration import Need

_SPAN = 2 << 30  # bytes of global memory that a cell takes at most
_cells = content.load_module(content.folder("runners") / "copy_cells.py")
_BY_THREADS = _cells.BY_THREADS


def _of_dram(machine, axes, samples):
    return dram_peak(machine, axes, samples) if axes["tier"] == "dram" else None


def _hopper_unless(by_threads):
    wanted = compute_capability(9.0)

    def missing(machine, axes):
        return None if axes["method"] in by_threads and machine.gpu else wanted.missing(machine, axes)

    return Need(name=wanted.name, missing=missing)


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


# Latency


@probe(
    "tma/latency.cu",
    method=["plain", "staged", "cp_async", "bulk", "tensor", "prefetched"],
    tier=["l2", "dram"],
    bytes=values([16, 128, 1024, 4096, 16384], quick=[16, 128]),
    dims=values([1, 2, 3, 4, 5], quick=[1, 2]),
    knobs=["method", "bytes", "dims"],
    measures=cycles(per="hop", within=0.35),
    sass={
        "sm_80-sm_89": _cells.chased(_BY_THREADS),
        "sm_90+": _cells.chased((*_BY_THREADS, "bulk", "tensor", "prefetched")),
    },
    needs=[_hopper_unless(_BY_THREADS), gpu_memory(lambda axes: 2 << 30)],
    where=_cells.latency_cell,
    budget=6.0,  # which only 16 KiB from DRAM come near
)
def latency(gpu, *, method, tier, bytes, dims):
    """Cycles from one address to the next, each brought to shared memory (plain: to a register) and read there."""
    return _runner("copied_walks").latency(gpu, method=method, tier=tier, bytes=bytes, dims=dims)


# Rounds


@probe(
    "tma/round.cu",
    function=list(_cells.ROUNDS),
    bytes=values([128, 16384], quick=[128], full=[16, 128, 1024, 4096, 16384]),
    knobs=["function", "bytes"],
    measures=cycles(per="round", within=0.4),
    sass={
        "sm_90+": [
            loop(lambda axes: _cells.ROUNDS[axes["function"]], count=4),
            loop(r"DEPBAR\.LE", count=_cells.rounds_waited),
        ]
    },
    needs=[compute_capability(9.0)],
    where=lambda function, bytes: bytes == 128 or function not in ("mbarrier", "prefetch"),
    budget=2.0,
)
def round(gpu, *, function, bytes):
    """Cycles of an mbarrier's arrive and wait, of a store or reduction until its source is read or it is done."""
    return _runner("copied_walks").rounds(gpu, function=function, bytes=bytes)


# Throughput


@probe(
    "tma/throughput.cu",
    pattern=["load", "store", "reduce", "multicast"],
    form=["bulk", "tensor", "im2col"],
    tier=["dram", "l2"],
    bytes=values([256, 1024, 2048, 4096, 8192, 16384, 32768, 65536], quick=[4096, 16384]),
    stages=values([1, 2, 4, 8], quick=[4], full=[1, 2, 3, 4, 6, 8]),
    blocks=values([1, 2, 4], quick=[1], full=[1, 2, 4, 8]),
    cluster_size=values([1, 2, 4], quick=[1, 2]),
    dims=values([1, 2, 3, 4, 5], quick=[1, 2]),
    swizzle=values([0, 32, 64, 128], quick=[0]),
    knobs=["pattern", "form", "bytes", "stages", "cluster_size", "dims"],
    measures=[bandwidth(), bandwidth_per_clock()],
    limit=_of_dram,
    sass={"sm_90-sm_110": loop(_cells.moved), "sm_120+": loop(_cells.moved, count=_cells.not_multicast)},
    needs=[compute_capability(9.0), gpu_memory(lambda axes: _SPAN)],
    together={("pattern", "form", "cluster_size", "dims", "swizzle"): _cells.MOVES},
    where=_cells.throughput_cell,
)
def throughput(gpu, *, pattern, form, tier, bytes, stages, blocks, cluster_size, dims, swizzle):
    """All SMs move boxes of `bytes` with `stages` under way per block; bytes of global memory, each counted once."""
    stream = _runner("cupy_boxes").Stream(
        gpu,
        pattern=pattern,
        tier=tier,
        box_bytes=bytes,
        stages=stages,
        blocks=blocks,
        cluster=cluster_size,
        tensor={"dims": dims, "swizzle": swizzle} if form == "tensor" else None,
        images=dims if form == "im2col" else None,
    )
    return stream.work()


@probe(
    "tma/copy.cu",
    block=values([4096, 8192, 16384, 32768], quick=[16384], full=[2048, 4096, 8192, 16384, 32768]),
    stages=values([4, 8], quick=[4], full=[2, 4, 6, 8]),
    blocks=values([1, 2], quick=[1], full=[1, 2, 3]),
    form=["default", "evict_first"],
    bytes=values([1 << 30], full=[1 << 30, 8 << 30], open=True, unit="B", multiple=1 << 20),
    knobs=["stages", "form", "block"],
    measures=bandwidth(),
    limit=dram_peak,
    sass={"sm_90+": [loop(r"UBLKCP\.S\.G"), loop(r"UBLKCP\.G\.S")]},
    needs=[compute_capability(9.0), gpu_memory(lambda axes: 2 * axes["bytes"])],
    where=lambda block, stages, blocks, form, bytes: (
        blocks * (stages * (block + 16) + 1024) <= _cells.SHARED and (form == "default" or block == 16384)
    ),
)
def copy(gpu, *, block, stages, blocks, form, bytes):
    """Copies arrays of `bytes` by bulk loads and stores of `block` bytes; every byte counts twice."""
    source, target = gpu.floats(bytes), gpu.alloc(bytes).view(np.float32)
    return gpu.launch(
        grid=gpu.multiprocessors * blocks,
        block=32,
        args=[target, source, np.uint32(bytes // block)],
        work=2 * bytes,
        shared=stages * (block + 16),
        poison=lambda: gpu.memset(target, 0xFF),
        verify=lambda: gpu.mismatches(target, 1, 0) == 0,
    )


# Little's law


@probe(
    "tma/in_flight.cu",
    method=values(["plain", "cp_async", "bulk"], full=["plain", "cp_async", "bulk", "tensor"]),
    tier=["l2", "dram"],
    in_flight=values([1 << e for e in range(10, 18)], quick=[2 << 10, 8 << 10, 32 << 10, 128 << 10], unit="B"),
    unroll=values([1, 4], quick=[4], full=[1, 2, 4, 8]),
    vector=values([16], full=[4, 8, 16]),
    knobs=["method", "in_flight", "unroll", "vector"],
    measures=[bandwidth(), bandwidth_per_clock()],
    limit=_of_dram,
    sass={"sm_80-sm_89": _cells.loaded(_BY_THREADS), "sm_90+": _cells.loaded((*_BY_THREADS, "bulk", "tensor"))},
    needs=[_hopper_unless(_BY_THREADS), gpu_memory(lambda axes: _SPAN)],
    where=_cells.in_flight_cell,
)
def in_flight(gpu, *, method, tier, in_flight, unroll, vector):
    """All SMs read with `in_flight` bytes under way each, by `unroll` copies per thread that issues them."""
    return _runner("cupy_boxes").in_flight(
        gpu, method=method, tier=tier, in_flight=in_flight, unroll=unroll, vector=vector
    )
