"""Rows of a table in host memory that the GPU reads in place; the host's ways are in gather_by_host.py."""

from pathlib import Path

from gridstone import Unavailable, content, gpu_memory, pcie, probe, values

_rows = content.load_module(Path(__file__).with_name("_gathering.py"))
_ODD_ROWS = (2052, 2064, 2080, 2100, 2112, 2144, 2176)
_SHIFTS = (4, 16, 32, 64, 96, 112, 124)
_ALIGNED_ROWS = (512, 2048)
_FEWER = (32, 96, 112, 124)  # shifts of rows of 2 KiB alone
_ELEMENTS = (1, 2, 8)  # bytes of an element that a lane loads; 4 and 16 are in every profile


def _by_row(method, row_bytes, align, vector, unroll):
    if (align and row_bytes not in _ALIGNED_ROWS) or not _rows.fits(method, row_bytes, align, vector):
        return False
    if row_bytes < 2048 and align in _FEWER:
        return False
    if vector in _ELEMENTS:
        return method != "bulk" and row_bytes in (*_ALIGNED_ROWS, *_ODD_ROWS)
    if vector == 16 and method != "bulk":
        return method in ("plain", "masked") and align == 0
    return True


@probe(
    "gather/zero_copy.cu",
    method=_rows.METHODS,
    row_bytes=values(
        sorted((*_rows.POWERS, *_ODD_ROWS)),
        quick=[128, 2048, 2052],
        full=sorted({*_rows.POWERS, *_rows.BETWEEN, *range(2048, 2180, 4)}),
        open=True,
        unit="B",
        low=4,
        multiple=4,
    ),
    align=values([0, *_SHIFTS], quick=[0, 64], full=range(0, 128, 4), open=True, unit="B", low=0, high=124, multiple=4),
    vector=values([4, 16], quick=[4, 16], full=[1, 2, 4, 8, 16]),
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_rows.MEASURES,
    limit=_rows.link,  # of the bytes asked for: a sector that two instructions touch may cross the link once
    sass=_rows.SASS,
    needs=[_rows.bulk_needs(), _rows.tables(_rows.NEAR), gpu_memory(lambda axes: 1 << 30)],
    where=_by_row,
    budget=0.5,
    fits="transfer",
)
def zero_copy(gpu, *, method, row_bytes, align, vector, unroll):
    """Threads of the GPU read rows of a page-locked table of 256 MiB in place, in random order.

    vector: bytes of an element, which a lane loads at once. Rows lie one behind the other, the first `align` bytes
    behind a boundary of 128. The bandwidth counts the bytes of the rows, bandwidth_wire the sectors of 32 bytes that
    their loads touch, bandwidth_lines the lines of 128 bytes.
    """
    return _rows.from_table(gpu, method=method, row_bytes=row_bytes, align=align, vector=vector, footprint=_rows.NEAR)


@probe(
    "gather/zero_copy.cu",
    method=["bulk_lines"],
    row_bytes=values(
        [128, 512, 2048, 2064, 2080, 2112, 2144, 2176],
        quick=[2064],
        full=sorted({*_rows.POWERS[2:], *range(2048, 2180, 16)}),
        open=True,
        unit="B",
        low=16,
        high=16 << 10,
        multiple=16,
    ),
    align=values([0, 16, 32, 64, 96, 112], quick=[0], full=range(0, 128, 16), open=True, low=0, high=112, multiple=16),
    vector=[16],
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_rows.MEASURES,
    limit=_rows.link,
    sass=_rows.SASS,
    needs=[_rows.bulk_needs(), _rows.tables(_rows.NEAR), gpu_memory(lambda axes: 1 << 30)],
    where=lambda method, row_bytes, align, vector, unroll: align == 0 or row_bytes in _ALIGNED_ROWS,
    budget=0.5,
)
def whole_lines(gpu, *, method, row_bytes, align, vector, unroll):
    """Bulk copies of all lines of 128 bytes that a row touches, of which its own bytes go on to their place.

    A bulk copy of a misaligned row asks for parts of lines, many times; one of whole lines asks for each of them once.
    """
    return _rows.from_table(gpu, method=method, row_bytes=row_bytes, align=align, vector=vector, footprint=_rows.NEAR)


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
    measures=_rows.MEASURES,
    limit=_rows.link,  # of the bytes asked for: a sector that two instructions touch may cross the link once
    sass=_rows.SASS,
    needs=[_rows.bulk_needs(), _rows.tables(_rows.NEAR)],
    where=lambda method, sms, warps, vector, unroll: (
        (vector == 16 and warps <= 8 and warps * unroll <= 32) if method == "bulk" else (vector == 16 or unroll == 4)
    ),
    budget=0.5,
)
def in_flight(gpu, *, method, sms, warps, vector, unroll):
    """Rows of 4 KiB by few SMs, warps and loads per thread (rows under way per warp, for bulk copies)."""
    under_way = sms * warps * unroll * (4096 if method == "bulk" else 32 * vector)
    return _rows.from_table(
        gpu,
        method=method,
        row_bytes=4096,
        vector=vector,
        footprint=_rows.NEAR,
        grid=sms,
        warps=warps,
        stages=unroll,
        wire=min(_rows.WIRE, max(1 << 20, 512 * under_way)),
    )


@probe(
    "gather/zero_copy.cu",
    method=values(["plain"], full=["plain", "masked", "bulk"]),
    row_bytes=values([32, 128, 512, 2048, 8192], quick=[2048], open=True, unit="B", multiple=16, low=16),
    distribution=values(["uniform", "sequential", "sorted", "zipf", "neighbours"], quick=["uniform", "sequential"]),
    footprint=values(
        [32 << 20, 256 << 20, 512 << 20, _rows.GIB, 2 * _rows.GIB, _rows.FAR],
        quick=[_rows.FAR],
        full=[size << 20 for size in (32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536)],
        open=True,
        unit="B",
        low=1 << 20,
    ),
    vector=[16],
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_rows.MEASURES,
    limit=_rows.link,  # of the bytes asked for: a sector that two instructions touch may cross the link once
    sass=_rows.SASS,
    needs=[_rows.bulk_needs(), _rows.tables_by(lambda axes: axes["footprint"])],
    where=lambda method, row_bytes, distribution, footprint, vector, unroll: (
        (distribution == "uniform" or footprint == _rows.FAR) and (method == "plain" or row_bytes >= 128)
    ),
)
def distribution(gpu, *, method, row_bytes, distribution, footprint, vector, unroll):
    """Which rows, out of how much: each once, in order, sorted, by Zipf's law, or neighbours in a power-law graph."""
    return _rows.from_table(
        gpu, method=method, row_bytes=row_bytes, vector=vector, footprint=footprint, distribution=distribution
    )


@probe(
    "gather/zero_copy.cu",
    method=["plain"],
    memory=values(
        ["shared", "pinned", "write_combined", "registered", "huge", "managed"], quick=["shared", "pinned", "huge"]
    ),
    row_bytes=values(
        [128, 2048], quick=[2048], full=[32, 128, 512, 2048, 8192], open=True, unit="B", multiple=16, low=16
    ),
    footprint=values(
        [_rows.NEAR, _rows.GIB],
        quick=[_rows.NEAR],
        full=[_rows.NEAR, _rows.GIB, _rows.FAR],
        open=True,
        unit="B",
        low=1 << 20,
    ),
    vector=[16],
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_rows.MEASURES,
    limit=pcie,
    sass=_rows.SASS,
    needs=[_rows.tables_of_each_process()],
    where=lambda method, memory, row_bytes, footprint, vector, unroll: (
        footprint == _rows.NEAR or memory in ("shared", "pinned", "huge")
    ),
    budget=1.0,  # the first visit of each process makes the table
)
def memory(gpu, *, method, memory, row_bytes, footprint, vector, unroll):
    """The same out of each kind of host memory: page-locked in five ways, or managed and kept there.

    shared: memory of all processes of the run, page-locked by each. pinned, write_combined: page-locked by the driver
    that gives it. registered, huge: memory of the process, page-locked where it lies, on small or on huge pages.
    """
    if _rows.runner("host_table").table(gpu, footprint, memory).kind != memory:
        raise Unavailable("the processes of a run cannot share page-locked memory here")
    return _rows.from_table(gpu, method=method, row_bytes=row_bytes, vector=vector, footprint=footprint, memory=memory)


@probe(
    "gather/zero_copy.cu",
    method=["plain"],
    row_bytes=values(
        [4, 32, 128, 512, 2048, 8192],
        quick=[2048],
        full=_rows.POWERS,
        open=True,
        unit="B",
        multiple=4,
        low=4,
    ),
    vector=values([4, 16], quick=[16]),
    unroll=[4],
    knobs=["method", "vector", "unroll"],
    measures=_rows.MEASURES,
    sass=_rows.SASS,
    needs=[gpu_memory(lambda axes: 6 * _rows.GIB)],
    where=lambda method, row_bytes, vector, unroll: row_bytes % vector == 0,
)
def device(gpu, *, method, row_bytes, vector, unroll):
    """The upper bound: the same rows out of 4 GiB of the GPU's own memory, by all SMs."""
    gathers, size = _rows.runner("gathers"), _rows.FAR
    table = gpu.alloc(size)
    _rows.runner("host_table").fill(gpu, table.data.ptr, size)
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
