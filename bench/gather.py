"""Rows of a table in host memory on their way to the GPU: read in place, gathered by the host, or copied one by one."""

import functools

import numpy as np

from gridstone import (
    Metric,
    bandwidth,
    compute_capability,
    content,
    cores,
    gpu_memory,
    loop,
    observed,
    package,
    pcie,
    probe,
    seconds,
    values,
)
from gridstone import host_memory as needs_host_memory
from gridstone.declaration import Need
from gridstone.host import usable_cores

_GIB = 1 << 30
_NEAR = 256 << 20  # a table whose addresses the GPU translates without delay; of larger ones see gather/distribution
_ALL = usable_cores()
_POWERS = tuple(1 << power for power in range(2, 15))
_ODD_ROWS = (2052, 2064, 2080, 2100, 2112, 2144, 2176)
_METHODS = ["plain", "circular", "masked", "warp_per_row", "bulk"]
_ALIGNED_ROWS = (512, 2048)
_SHIFTS = (4, 16, 32, 64, 96, 112, 124)
_WIRE = 64 << 20  # bytes that a launch moves over the link: 1.3 ms at 51 GB/s, beside which its start is short
_SMS, _WARPS = 64, 16  # what the gathers by row use, where a link's worth of loads is under way many times over
_BULK_BYTES = 64 << 10  # under way per SM
_PROCESSES = 3  # of a run on one GPU, each with tables of its own
_LOADS = {4: r"LDG\.E", 8: r"LDG\.E\.64", 16: r"LDG\.E\.128"}


@functools.cache
def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


def _per_second(name, amount):
    """Bytes per second of what the probe counted under `amount`."""
    return Metric(name=name, unit="B/s", better="higher", reduce=lambda s: s.observed[amount] / s.seconds)


_MEASURES = [bandwidth(), _per_second("bandwidth_wire", "wire"), _per_second("bandwidth_lines", "lines")]
_SASS = {
    "sm_80+": loop(
        lambda axes: _LOADS[axes["vector"]],
        count=lambda axes: {"plain": axes["unroll"], "circular": axes["unroll"], "bulk": 0}.get(axes["method"], 1),
    ),
    "sm_90+": [
        loop(r"UBLKCP\.S\.G\S*", count=lambda axes: axes["method"] == "bulk"),
        loop(r"UBLKCP\.G\.S\S*", count=lambda axes: axes["method"] == "bulk"),
    ],
}

# The kernel is compiled for every method; on the host's way it is not used, and for the table on the GPU it is plain.
_EPOCH_SASS = {
    "sm_80+": loop(r"LDG\.E", count=lambda axes: {"masked": 1, "bulk": 0}.get(axes["method"], axes["unroll"])),
    "sm_90+": _SASS["sm_90+"],
}


def _link(machine, axes, samples):
    """What the link carries, where no row is taken twice within reach of a cache."""
    repeats = axes.get("distribution", "uniform") in ("zipf", "neighbours") or axes.get("footprint", _GIB) < _GIB
    return None if repeats else pcie(machine, axes, samples)


def _tables(size):
    return needs_host_memory(lambda axes: _PROCESSES * (axes["footprint"] if size is None else size) + (8 << 30))


def _bulk_needs():
    wanted = compute_capability(9.0)
    return Need(
        name=wanted.name,
        missing=lambda machine, axes: wanted.missing(machine, axes) if axes["method"] == "bulk" else None,
    )


def _fits(method, row_bytes, align, vector):
    """Whether rows can be loaded so; short rows leave most lanes of a method that gives them a warp idle."""
    if row_bytes % vector or align % vector or (method == "bulk" and vector != 16):
        return False
    return method in ("plain", "bulk") or row_bytes >= 128


def _shape(method, row_bytes, warps):
    """Rows under way per warp, for bulk copies."""
    return max(1, min(32, _BULK_BYTES // (warps * -(-row_bytes // 128) * 128))) if method == "bulk" else 1


def _from_table(
    gpu, *, method, row_bytes, align=0, vector, footprint, distribution="uniform", memory="pinned", grid=_SMS,
    warps=_WARPS, stages=None, wire=_WIRE,
):  # fmt: skip
    gathers = _runner("gathers")
    if method == "bulk" and stages is None:
        warps = max(1, min(warps, _BULK_BYTES // (2 * row_bytes)))
    count = max(grid * warps, wire // max(32, row_bytes))
    table = _runner("host_table").table(gpu, memory, footprint)
    listed = gathers.rows(
        gpu, footprint=footprint, row_bytes=row_bytes, align=align, count=count, distribution=distribution
    )
    return gathers.gathering(
        gpu,
        listed,
        table=table.device,
        method=method,
        vector=vector,
        grid=grid,
        warps=warps,
        stages=stages or _shape(method, row_bytes, warps),
    )


def _by_row(method, row_bytes, align, vector, unroll):
    if (align and row_bytes not in _ALIGNED_ROWS) or not _fits(method, row_bytes, align, vector):
        return False
    if vector == 16 and method != "bulk":
        return method in ("plain", "masked") and align == 0
    return True


@probe(
    "gather/zero_copy.cu",
    method=_METHODS,
    row_bytes=values(
        sorted((*_POWERS, *_ODD_ROWS)),
        quick=[128, 2048, 2052],
        full=sorted({*_POWERS, *_ODD_ROWS, *range(2048, 2180, 4), 96, 160, 192, 384, 768, 1536, 3072, 6144, 12288}),
        open=True,
        unit="B",
        low=4,
        multiple=4,
    ),
    align=values([0, *_SHIFTS], quick=[0, 64], full=range(0, 128, 4), open=True, unit="B", low=0, high=124, multiple=4),
    vector=values([4, 16], quick=[4, 16]),
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_MEASURES,
    limit=_link,  # of the bytes asked for: a sector that two instructions touch may cross the link once
    sass=_SASS,
    needs=[_bulk_needs(), _tables(_NEAR), gpu_memory(lambda axes: 1 << 30)],
    where=_by_row,
    budget=0.5,
    fits="transfer",
)
def zero_copy(gpu, *, method, row_bytes, align, vector, unroll):
    """Threads of the GPU read rows of a page-locked table of 256 MiB in place, in random order.

    Rows lie one behind the other, the first `align` bytes behind a boundary of 128. The bandwidth counts the bytes
    of the rows, bandwidth_wire the sectors of 32 bytes that their loads touch, bandwidth_lines the lines of 128 bytes.
    """
    return _from_table(gpu, method=method, row_bytes=row_bytes, align=align, vector=vector, footprint=_NEAR)


@probe(
    "gather/zero_copy.cu",
    method=values(["plain", "bulk"]),
    sms=values(
        [1, 2, 4, 8, 16, 32, 64, 128], quick=[8, 64], full=[1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 64, 96, 128], open=True
    ),
    warps=values([4, 32], quick=[32], full=[1, 2, 4, 8, 16, 32], open=True, high=32),
    vector=values([4, 16], quick=[16], full=[4, 8, 16]),
    unroll=values([1, 4], quick=[4], full=[1, 2, 4, 8]),
    knobs=["method", "vector", "unroll"],
    measures=_MEASURES,
    limit=_link,  # of the bytes asked for: a sector that two instructions touch may cross the link once
    sass=_SASS,
    needs=[_bulk_needs(), _tables(_NEAR)],
    where=lambda method, sms, warps, vector, unroll: (
        (vector == 16 and warps <= 8 and warps * unroll <= 32) if method == "bulk" else (vector == 16 or unroll == 4)
    ),
)
def in_flight(gpu, *, method, sms, warps, vector, unroll):
    """Rows of 4 KiB by few SMs, warps and loads per thread (rows under way per warp, for bulk copies)."""
    under_way = sms * warps * unroll * (4096 if method == "bulk" else 32 * vector)
    return _from_table(
        gpu,
        method=method,
        row_bytes=4096,
        vector=vector,
        footprint=_NEAR,
        grid=sms,
        warps=warps,
        stages=unroll,
        wire=min(_WIRE, max(1 << 20, 512 * under_way)),
    )


@probe(
    "gather/zero_copy.cu",
    method=values(["plain"], full=["plain", "masked", "bulk"]),
    row_bytes=values([32, 128, 512, 2048, 8192], quick=[2048], open=True, unit="B", multiple=16, low=16),
    distribution=values(["uniform", "sequential", "sorted", "zipf", "neighbours"], quick=["uniform", "sequential"]),
    footprint=values(
        [32 << 20, 256 << 20, 512 << 20, _GIB, 2 * _GIB, 4 * _GIB],
        quick=[4 * _GIB],
        full=[
            32 << 20,
            64 << 20,
            128 << 20,
            256 << 20,
            512 << 20,
            _GIB,
            2 * _GIB,
            4 * _GIB,
            8 * _GIB,
            16 * _GIB,
            64 * _GIB,
        ],
        open=True,
        unit="B",
        low=1 << 20,
    ),
    vector=[16],
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_MEASURES,
    limit=_link,  # of the bytes asked for: a sector that two instructions touch may cross the link once
    sass=_SASS,
    needs=[_bulk_needs(), _tables(None)],
    where=lambda method, row_bytes, distribution, footprint, vector, unroll: (
        (distribution == "uniform" or footprint == 4 * _GIB) and (method == "plain" or row_bytes >= 128)
    ),
)
def distribution(gpu, *, method, row_bytes, distribution, footprint, vector, unroll):
    """Which rows, out of how much: each once, in order, sorted, by Zipf's law, or neighbours in a power-law graph."""
    return _from_table(
        gpu, method=method, row_bytes=row_bytes, vector=vector, footprint=footprint, distribution=distribution
    )


@probe(
    "gather/zero_copy.cu",
    method=["plain"],
    memory=values(["pinned", "write_combined", "registered", "huge", "managed"], quick=["pinned", "huge"]),
    row_bytes=values(
        [128, 2048], quick=[2048], full=[32, 128, 512, 2048, 8192], open=True, unit="B", multiple=16, low=16
    ),
    footprint=values([256 << 20, 4 * _GIB], quick=[256 << 20], open=True, unit="B", low=1 << 20),
    vector=[16],
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_MEASURES,
    limit=pcie,
    sass=_SASS,
    needs=[_tables(None)],
    where=lambda method, memory, row_bytes, footprint, vector, unroll: (
        footprint == 256 << 20 or memory in ("pinned", "huge")
    ),
    budget=3.0,  # the first visit of each process makes the table
)
def memory(gpu, *, method, memory, row_bytes, footprint, vector, unroll):
    """The same out of each kind of host memory: page-locked in four ways, or managed and kept there."""
    return _from_table(gpu, method=method, row_bytes=row_bytes, vector=vector, footprint=footprint, memory=memory)


@probe(
    "gather/zero_copy.cu",
    method=["plain"],
    row_bytes=values([4, 32, 128, 512, 2048, 8192], quick=[2048], full=_POWERS, open=True, unit="B", multiple=4, low=4),
    vector=values([4, 16], quick=[16]),
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_MEASURES,
    sass=_SASS,
    needs=[gpu_memory(lambda axes: 6 * _GIB)],
    where=lambda method, row_bytes, vector, unroll: row_bytes % vector == 0,
)
def device(gpu, *, method, row_bytes, vector, unroll):
    """The upper bound: the same rows out of 4 GiB of the GPU's own memory, by all SMs."""
    gathers, size = _runner("gathers"), 4 * _GIB
    table = gpu.alloc(size)
    _runner("host_table").fill(gpu, table.data.ptr, size)
    listed = gathers.rows(
        gpu,
        footprint=size,
        row_bytes=row_bytes,
        align=0,
        count=(256 << 20) // max(32, row_bytes),
        distribution="uniform",
    )
    return gathers.gathering(
        gpu,
        listed,
        table=table.data.ptr,
        keep=table,
        method=method,
        vector=vector,
        grid=2 * gpu.multiprocessors,
        warps=32,
        stages=1,
    )


@probe(
    None,
    method=["single", "double"],
    memory=values(["pinned", "pageable"], quick=["pinned"]),
    threads=values(sorted({1, 4, _ALL}), quick=[_ALL], full=sorted({1, 2, 4, 8, 12, 16, 32, _ALL}), open=True),
    row_bytes=values(
        [32, 128, 512, 2048, 8192], quick=[2048], full=[*_POWERS, 2052, 2112], open=True, unit="B", multiple=4, low=4
    ),
    measures=[bandwidth(), seconds()],
    limit=pcie,
    needs=[cores(lambda axes: axes["threads"]), package(lambda axes: "numba"), _tables(4 * _GIB)],
    where=lambda method, memory, threads, row_bytes: memory == "pinned" or (method, threads) == ("single", _ALL),
    budget=1.0,
    fits="transfer",
)
def staged(gpu, *, method, memory, threads, row_bytes):
    """The conventional way: threads of the host gather the rows into staging memory, which is copied.

    single: all rows, then one copy. double: 4 MiB at a time, one of two buffers filled while the other is copied.
    """
    count = max(1, (_WIRE if threads > 1 else _WIRE // 4) // max(row_bytes, 64))
    return _runner("staging").staged(
        gpu, method=method, memory=memory, threads=threads, row_bytes=row_bytes, count=count, footprint=4 * _GIB
    )


@probe(
    None,
    method=["per_row", "batch", "strided"],
    row_bytes=values(
        [128, 512, 2048, 8192, 65536],
        quick=[2048],
        full=[*_POWERS[3:], 65536, 1 << 18],
        open=True,
        unit="B",
        multiple=4,
        low=4,
    ),
    measures=[bandwidth(), seconds(name="time_call")],
    limit={"bandwidth": pcie},
    needs=[package(lambda axes: "numba"), _tables(4 * _GIB)],
    budget=1.0,
    fits="transfer",
)
def copies(gpu, *, method, row_bytes):
    """1,024 rows by copies of the driver: a call per row, all by one batched call, or every second row by a 2-D copy.

    time_call is the time for all rows together.
    """
    return _runner("staging").copied(gpu, method=method, row_bytes=row_bytes, count=1024, footprint=4 * _GIB)


@probe(
    "gather/zero_copy.cu",
    method=values([*_METHODS[:3], "bulk", "staged", "device"], quick=["masked", "staged"]),
    bits=values([21], full=[21, 24], open=True, low=12, high=26),
    row_bytes=values([1200], open=True, unit="B", low=128, multiple=16),
    vector=[4],
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=[
        observed(name="time", unit="s"),
        observed(name="time_products", unit="s"),
        observed(name="time_both", unit="s"),
        observed(name="hidden", unit="1", better="higher"),
        observed(name="bandwidth", unit="B/s", better="higher"),
    ],
    sass=_EPOCH_SASS,
    needs=[
        _bulk_needs(),
        package(lambda axes: "numba"),
        needs_host_memory(lambda axes: _PROCESSES * (axes["row_bytes"] << axes["bits"]) + (8 << 30)),
        gpu_memory(lambda axes: (3 << 30) + (axes["method"] == "device") * (axes["row_bytes"] << axes["bits"])),
    ],
    budget=6.0,  # the graph is made at the first visit of each process
)
def epoch(gpu, *, method, bits, row_bytes, vector, unroll):
    """Features of mini-batches of an R-MAT graph brought to the GPU, per batch, alone and beside matrix products.

    2^bits vertices, eight edges each; batches of 1,024 seeds and two layers of ten sampled neighbours; a row of
    `row_bytes` for each vertex. hidden: the share of the data's time that the products of a hidden layer of 256 hide.
    """
    return _runner("epoch").epoch(gpu, method=method, bits=bits, row_bytes=row_bytes, vector=vector, threads=_ALL)


@probe(
    None,
    runner="on_host",
    budget=0.5,
    row_bytes=values(
        [128, 2048, 8192],
        quick=[2048],
        full=[*_POWERS, 2052, 2112],
        open=True,
        unit="B",
        multiple=4,
        low=4,
    ),
    threads=values(sorted({1, _ALL}), quick=[_ALL], full=sorted({1, 2, 4, 8, 16, 32, _ALL}), open=True),
    measures=[bandwidth(), seconds()],
    needs=[needs_host_memory(lambda axes: 1 << 30), cores(lambda axes: axes["threads"])],
)
def cpu(host, *, row_bytes, threads):
    """The host's part alone: rows in random order out of 256 MiB into 4 MiB of staging memory, time per row."""
    footprint, staging = 256 << 20, 4 << 20
    table = host.array(footprint, np.uint8, threads=threads)
    host.mark(table, threads=threads)
    among, count = footprint // row_bytes, staging // row_bytes // threads
    target = host.array((threads, count * row_bytes), np.uint8, threads=threads)
    order = np.random.default_rng(among).integers(0, among, 16 * count * threads, dtype=np.uint32)
    orders = host.split(order, threads)
    cursors = np.zeros((threads, 8), dtype=np.int64)

    def run(passes):
        parts = zip(target, orders, cursors, strict=True)
        host.each(host.loops.gather, [(t, table, o, c, row_bytes, passes) for t, o, c in parts])

    def verify():
        by_row = table[: among * row_bytes].reshape(among, row_bytes)
        last = [o[np.arange(c[0] - count, c[0]) % len(o)] for o, c in zip(orders, cursors, strict=True)]
        return all(np.array_equal(t.reshape(count, row_bytes), by_row[o]) for t, o in zip(target, last, strict=True))

    return host.call(
        run, work=row_bytes, calls=threads * count, least_s=5e-3, poison=lambda: target.fill(0xFF), verify=verify
    )
