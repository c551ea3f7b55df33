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

_SPAN = 4 << 30  # bytes of global memory that a cell takes at most
_SHARED = 220 << 10  # bytes of shared memory that the blocks of an SM may share
_BY_THREADS = ("plain", "staged", "cp_async")


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


def _issued(axes):
    return {
        "plain": r"LDG\.E\.64\.STRONG\.GPU",
        "staged": r"LDG\.E\.64\.STRONG\.GPU",
        "cp_async": r"LDGSTS\.E\.BYPASS\.128",
        "tensor": rf"UTMALDG\.{axes['dims']}D",
    }.get(axes["method"], r"UBLKCP\.S\.G")


def _awaited(axes):
    if axes["method"] == "tensor":  # of the 64 bits behind a coordinate the compiler loads those that it needs
        return r"LDS(\.64)?"
    return _issued(axes) if axes["method"] == "plain" else r"LDS\.64"


def _chased(methods):
    def four(axes):
        return 4 if axes["method"] in methods else 0

    return [loop(_issued, count=four), loop(_awaited, count=four, clocked=True)]


def _latency_cell(method, tier, bytes, dims):
    if method == "tensor":
        return bytes == 128 or (dims == 2 and bytes >= 1024)
    if dims != 1 or (method == "prefetched" and tier != "dram"):
        return False
    return method == "bulk" or bytes == (16 if method in _BY_THREADS else 128)


@probe(
    "tma/latency.cu",
    method=["plain", "staged", "cp_async", "bulk", "tensor", "prefetched"],
    tier=["l2", "dram"],
    bytes=values([16, 128, 1024, 4096, 16384], quick=[16, 128]),
    dims=values([1, 2, 3, 4, 5], quick=[1, 2]),
    knobs=["method", "bytes", "dims"],
    measures=cycles(per="hop"),
    sass={
        "sm_80-sm_89": _chased(_BY_THREADS),
        "sm_90+": _chased((*_BY_THREADS, "bulk", "tensor", "prefetched")),
    },
    needs=[_hopper_unless(_BY_THREADS), gpu_memory(lambda axes: 2 << 30)],
    where=_latency_cell,
    budget=3.0,
)
def latency(gpu, *, method, tier, bytes, dims):
    """Cycles from one address to the next, each brought to shared memory (plain: to a register) and read there."""
    return _runner("copied_walks").latency(gpu, method=method, tier=tier, bytes=bytes, dims=dims)


# Rounds

_ROUND = {
    "mbarrier": r"SYNCS\.ARRIVE\.TRANS64\.A1T0",
    "store_read": r"UBLKCP\.G\.S",
    "store_done": r"UBLKCP\.G\.S",
    "reduce_read": r"UBLKRED\.G\.S\.ADD",
    "reduce_done": r"UBLKRED\.G\.S\.ADD",
    "prefetch": r"UBLKPF\.L2",
}


def _rounds_waited(axes):
    return 0 if axes["function"] in ("mbarrier", "prefetch") else 4


@probe(
    "tma/round.cu",
    function=list(_ROUND),
    bytes=values([128, 16384], quick=[128], full=[16, 128, 1024, 4096, 16384]),
    knobs=["function", "bytes"],
    measures=cycles(per="round"),
    sass={
        "sm_90+": [
            loop(lambda axes: _ROUND[axes["function"]], count=4),
            loop(r"DEPBAR\.LE", count=_rounds_waited),
        ]
    },
    needs=[compute_capability(9.0)],
    where=lambda function, bytes: bytes == 128 or function not in ("mbarrier", "prefetch"),
    budget=2.0,
)
def round(gpu, *, function, bytes):
    """Cycles of an mbarrier's arrive and wait, of a store or reduction until its source is read or it is done."""
    target, rounds = gpu.alloc(bytes).view(np.uint32), []
    seed = np.uint32(np.random.default_rng().integers(2**32))
    gpu.memset(target, 0)

    def args(length):
        rounds.append(length)
        return [target, seed]

    def verify():
        stored = (int(seed) + np.arange(bytes // 4, dtype=np.uint64)) % 2**32
        if function.startswith("reduce"):
            stored = stored * sum(rounds) % 2**32
        return None if function in ("mbarrier", "prefetch") else bool((target.get() == stored).all())

    return gpu.chain(args=args, lengths=(64, 320), verify=verify, block=32, shared=bytes + 16)


# Throughput


def _moved(axes):
    if axes["form"] == "im2col":
        return rf"UTMALDG\.{axes['dims']}D\.IM2COL"
    if axes["form"] == "tensor":
        operation = {"store": "UTMASTG", "reduce": "UTMAREDG"}.get(axes["pattern"], "UTMALDG")
        kind = {"reduce": r"\.ADD", "multicast": r"\.MULTICAST"}.get(axes["pattern"], "")
        return rf"{operation}\.{axes['dims']}D{kind}"
    return {
        "load": r"UBLKCP\.S\.G",
        "store": r"UBLKCP\.G\.S",
        "reduce": r"UBLKRED\.G\.S\.ADD",
        "multicast": r"UBLKCP\.S\.G\.MULTICAST",
    }[axes["pattern"]]


def _not_multicast(axes):
    return 0 if axes["pattern"] == "multicast" else 1  # sm_120 has no instruction for it


# pattern, form, cluster_size, dims, swizzle
_MOVES = [
    *((pattern, "bulk", 1, 1, 0) for pattern in ("load", "store", "reduce")),
    *(("multicast", "bulk", size, 1, 0) for size in (2, 4)),
    *(("load", "tensor", 1, dims, 0) for dims in (1, 2, 3, 4, 5)),
    *(("load", "tensor", 1, 3, swizzle) for swizzle in (32, 64, 128)),
    *((pattern, "tensor", 1, dims, 0) for pattern in ("store", "reduce") for dims in (2, 3, 4, 5)),
    *(("multicast", "tensor", size, 2, 0) for size in (2, 4)),
    *(("load", "im2col", 1, dims, 0) for dims in (3, 4, 5)),
]


def _throughput_cell(pattern, form, tier, bytes, stages, blocks, cluster_size, dims, swizzle):
    """Loads over box, stages and blocks; every other pattern and form at a few points of that map."""
    if blocks * (stages * (bytes + 16) + 1024) > _SHARED:
        return False
    if pattern == "multicast":
        return blocks == 1 and stages == 4 and bytes in (4096, 16384)
    if form == "im2col":
        return (bytes, stages, blocks) == (16384, 4, 1)
    if form == "tensor":
        usual = (stages, blocks) == (4, 1) and (dims > 1 or bytes <= 1024)
        if pattern != "load":
            return usual and bytes == 16384 and tier == "dram"
        return usual and (bytes == 16384 or (not swizzle and bytes == 1024 and dims <= 2))
    if pattern == "load" and tier == "dram":
        return blocks == 1 or (bytes in (1024, 4096, 16384) and stages in (2, 4))
    if pattern == "load":
        return bytes in (1024, 4096, 16384, 65536) and (blocks == 1 or stages == 4)
    return blocks == 1 and stages == 4 and bytes in (1024, 4096, 16384, 32768)


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
    sass={"sm_90-sm_110": loop(_moved), "sm_120+": loop(_moved, count=_not_multicast)},
    needs=[compute_capability(9.0), gpu_memory(lambda axes: _SPAN)],
    together={("pattern", "form", "cluster_size", "dims", "swizzle"): _MOVES},
    where=_throughput_cell,
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
    bytes=values([4 << 30], full=[1 << 30, 8 << 30], open=True, unit="B", multiple=1 << 20),
    knobs=["stages", "form", "block"],
    measures=bandwidth(),
    limit=dram_peak,
    sass={"sm_90+": [loop(r"UBLKCP\.S\.G"), loop(r"UBLKCP\.G\.S")]},
    needs=[compute_capability(9.0), gpu_memory(lambda axes: 2 * axes["bytes"])],
    where=lambda block, stages, blocks, form, bytes: (
        blocks * (stages * (block + 16) + 1024) <= _SHARED and (form == "default" or block == 16384)
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


def _loaded(methods):
    opcodes = {
        "plain": r"LDG\.E{}\.STRONG\.GPU",
        "cp_async": r"LDGSTS\.E\.BYPASS\.128",
        "bulk": r"UBLKCP\.S\.G",
        "tensor": r"UTMALDG\.2D",
    }
    widths = {4: "", 8: r"\.64", 16: r"\.128"}

    def count(axes):
        if axes["method"] not in methods:
            return 0
        return axes["unroll"] if axes["method"] in _BY_THREADS else 1

    return loop(lambda axes: opcodes[axes["method"]].format(widths[axes["vector"]]), count=count)


def _in_flight_cell(method, tier, in_flight, unroll, vector):
    if method not in _BY_THREADS:
        return unroll == 4 and vector == 16 and in_flight >= 1024
    warps, rest = divmod(in_flight, 32 * vector * unroll)
    return 1 <= warps <= 64 and rest == 0 and (method == "plain" or (unroll, vector) == (4, 16))


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
    sass={"sm_80-sm_89": _loaded(_BY_THREADS), "sm_90+": _loaded((*_BY_THREADS, "bulk", "tensor"))},
    needs=[_hopper_unless(_BY_THREADS), gpu_memory(lambda axes: _SPAN)],
    where=_in_flight_cell,
)
def in_flight(gpu, *, method, tier, in_flight, unroll, vector):
    """All SMs read with `in_flight` bytes under way each, by `unroll` copies per thread that issues them."""
    if method in _BY_THREADS:
        return _runner("cupy_boxes").by_threads(
            gpu,
            tier=tier,
            warps=in_flight // (32 * vector * unroll),
            unroll=unroll,
            vector=vector,
            staged=method == "cp_async",
        )
    stream = _runner("cupy_boxes").Stream(
        gpu,
        pattern="load",
        tier=tier,
        box_bytes=in_flight // unroll,
        stages=unroll,
        tensor={"dims": 2} if method == "tensor" else None,
    )
    return stream.work()
