"""The conventional ways for rows of a table in host memory: the host gathers them, or the driver copies them."""

from pathlib import Path

import numpy as np

from gridstone import bandwidth, content, cores, package, pcie, probe, seconds, values
from gridstone import host_memory as needs_host_memory
from gridstone.host import usable_cores

_rows = content.load_module(Path(__file__).with_name("_gathering.py"))
_ALL = usable_cores()


@probe(
    None,
    family="gather",
    method=["single", "double"],
    memory=values(["pinned", "pageable"], quick=["pinned"]),
    threads=values(sorted({1, 4, _ALL}), quick=[_ALL], full=sorted({1, 2, 4, 8, 12, 16, 32, _ALL}), open=True),
    row_bytes=values(
        [32, 128, 512, 2048, 8192],
        quick=[2048],
        full=[*_rows.POWERS, 2052, 2112],
        open=True,
        unit="B",
        multiple=4,
        low=4,
    ),
    measures=[bandwidth(), seconds()],
    limit=pcie,
    needs=[cores(lambda axes: axes["threads"]), package(lambda axes: "numba"), _rows.tables(_rows.FAR)],
    where=lambda method, memory, threads, row_bytes: memory == "pinned" or (method, threads) == ("single", _ALL),
    budget=1.0,
    fits="transfer",
)
def staged(gpu, *, method, memory, threads, row_bytes):
    """The conventional way: threads of the host gather the rows into staging memory, which is copied.

    single: all rows, then one copy. double: 4 MiB at a time, one of two buffers filled while the other is copied.
    """
    count = max(1, (_rows.WIRE if threads > 1 else _rows.WIRE // 4) // max(row_bytes, 64))
    return _rows.runner("staging").staged(
        gpu, method=method, memory=memory, threads=threads, row_bytes=row_bytes, count=count, footprint=_rows.FAR
    )


@probe(
    None,
    family="gather",
    method=["per_row", "batch", "strided"],
    row_bytes=values(
        [128, 512, 2048, 8192, 65536],
        quick=[2048],
        full=[*_rows.POWERS[3:], 65536, 1 << 18],
        open=True,
        unit="B",
        multiple=4,
        low=4,
    ),
    measures=[bandwidth(), seconds(name="time_call")],
    limit={"bandwidth": pcie},
    needs=[package(lambda axes: "numba"), _rows.tables(_rows.FAR)],
    budget=1.0,
    fits="transfer",
)
def copies(gpu, *, method, row_bytes):
    """1,024 rows by copies of the driver: a call per row, all by one batched call, or every second row by a 2-D copy.

    time_call is the time for all rows together.
    """
    return _rows.runner("staging").copied(gpu, method=method, row_bytes=row_bytes, count=1024, footprint=_rows.FAR)


@probe(
    None,
    family="gather",
    library=["bindings", "pycuda"],
    method=["2d", "3d"],
    memory=values(
        ["pinned", "write_combined"], quick=["pinned"], full=["pinned", "write_combined", "registered", "managed"]
    ),
    row_bytes=values(
        [512, 8192], quick=[8192], full=[128, 512, 2048, 8192], open=True, unit="B", multiple=4, low=4, high=8192
    ),
    measures=[bandwidth(), seconds(name="time_call")],
    limit={"bandwidth": pcie},
    needs=[
        package(lambda axes: {"bindings": "cuda"}.get(axes["library"], axes["library"])),
        needs_host_memory(lambda axes: 2 << 30),
    ],
    budget=1.0,
)
def boxes(gpu, *, library, method, memory, row_bytes):
    """Every second row of a box by one 2-D or 3-D copy of the driver, out of host memory of a library's own making.

    bindings: cuda-bindings. pycuda: its Memcpy2D and Memcpy3D, its page-locked, registered and managed arrays.
    """
    return _rows.runner("box_copies").copied(gpu, library=library, method=method, memory=memory, row_bytes=row_bytes)


@probe(
    None,
    family="gather",
    runner="on_host",
    budget=0.5,
    row_bytes=values(
        [128, 2048, 8192],
        quick=[2048],
        full=[*_rows.POWERS, 2052, 2112],
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
