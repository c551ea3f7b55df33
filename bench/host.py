"""The host without a GPU: memory bandwidth, gathers, latency by footprint, copies; files are in host_file.py."""

from dataclasses import replace

import numpy as np

from gridstone import Metric, bandwidth, cores, host_memory, pow2, probe, seconds, values
from gridstone.host import usable_cores

_ALL = usable_cores()
_THREADS = values(
    sorted({1, 2, 4, 8, 16, 32, 64, _ALL}),
    quick=[_ALL],
    full=sorted({1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, _ALL}),
    open=True,
)
_FEW_THREADS = replace(_THREADS, standard=tuple(sorted({1, 4, 16, 64, _ALL})))
_ONE_AND_ALL = replace(_THREADS, standard=tuple(sorted({1, _ALL})))
_ENOUGH_CORES = cores(lambda axes: axes["threads"])
_SOURCES = {"copy": 1, "scale": 1, "add": 2, "triad": 2}
_BUDGET = 0.2  # the family has many cells, and on a busy host each of them takes its whole budget
_FACTOR = 3.0
_LINE = 64
_WORDS = _LINE // 8
_WARM_HOPS = 1 << 19
_GATHERED = 8 << 20  # bytes gathered in one pass, by all threads


def _blocks(*arrays):
    """The arrays side by side in blocks that fit a cache."""
    step = 1 << 17
    return ([a[i : i + step] for a in arrays] for i in range(0, len(arrays[0]), step))


def _link(ring):
    """Link the lines of a ring in random order into one cycle; the places (uint64) in the order of the walk."""
    order = np.random.default_rng(len(ring)).permutation(len(ring) // _WORDS).astype(np.uint64)
    places = order * np.uint64(_WORDS)
    ring[places] = np.roll(places, -1)
    return places


@probe(
    None,
    runner="on_host",
    budget=_BUDGET,
    pattern=values(["copy", "scale", "add", "triad"], quick=["copy", "triad"]),
    threads=_THREADS,
    bytes=values(
        [256 << 20],
        full=[32 << 10, 128 << 10, 512 << 10, 2 << 20, 8 << 20, 32 << 20, 256 << 20, 1 << 30],
        open=True,
        unit="B",
        multiple=8,
    ),
    measures=bandwidth(),
    needs=[host_memory(lambda axes: 3 * axes["bytes"]), _ENOUGH_CORES],
)
def stream(host, *, pattern, threads, bytes):
    """STREAM over float64 arrays of `bytes` each, in equal parts by threads, each part again and again.

    Bytes are counted as STREAM counts them: two arrays for copy and scale, three for add and triad. Where
    stores allocate in the cache, the hardware moves one array more, which is not counted. Whether stores
    bypass the cache instead is up to the compiler, so compare with numbers of the same build only.
    """
    n = bytes // 8
    target, a, *second = (host.array(n, np.float64, threads=threads) for _ in range(1 + _SOURCES[pattern]))
    b = second[0] if second else a
    loop = getattr(host.loops, pattern)
    parts = list(zip(*(host.split(x, threads) for x in (target, a, b)), strict=True))
    firsts = [n * i // threads for i in range(threads)]
    for array, shift in ((a, 0), *((x, 7) for x in second)):
        starts = [first + shift for first in firsts]
        host.each(host.loops.count_up, list(zip(host.split(array, threads), starts, strict=True)))

    def run(passes):
        host.each(loop, [(*part, _FACTOR, passes) for part in parts])

    expected = {
        "copy": lambda x, _: x,
        "scale": lambda x, _: _FACTOR * x,
        "add": lambda x, y: x + y,
        "triad": lambda x, y: x + _FACTOR * y,
    }[pattern]

    def verify():
        return all(np.array_equal(t, expected(x, y)) for t, x, y in _blocks(target, a, b))

    return host.call(
        run,
        work=(1 + _SOURCES[pattern]) * bytes,
        least_s=10e-3,
        poison=lambda: target.fill(np.nan),
        verify=verify,
    )


@probe(
    None,
    runner="on_host",
    budget=_BUDGET,
    row_bytes=values([64, 512, 4096], quick=[64, 4096], full=[8, 64, 256, 512, 1024, 4096, 65536], open=True, unit="B"),
    threads=_ONE_AND_ALL,
    footprint=values(
        [1 << power for power in range(20, 29)],
        quick=[1 << 20, 64 << 20],
        full=[1 << power for power in range(16, 31)],
        open=True,
        unit="B",
    ),
    measures=[bandwidth(), seconds()],
    needs=[host_memory(lambda axes: 2 * axes["footprint"]), _ENOUGH_CORES],
    where=lambda row_bytes, threads, footprint: footprint >= threads * row_bytes,
)
def gather(host, *, row_bytes, threads, footprint):
    """Copies of whole rows in random order out of a table of `footprint` bytes; time is per row.

    Each row of the table is taken once before any is taken again. The bytes of the rows are counted once:
    neither the row numbers (4 bytes per row) nor the writes of the copies.
    """
    table = host.array(footprint, np.uint8, threads=threads)
    rows = footprint // row_bytes
    host.mark(table, threads=threads)
    count = max(1, _GATHERED // row_bytes // threads)
    target = host.array((threads, count * row_bytes), np.uint8, threads=threads)
    order = np.random.default_rng(rows).permutation(rows).astype(np.uint32)
    orders = host.split(order, threads)
    cursors = np.zeros((threads, 8), dtype=np.int64)

    def run(passes):
        parts = zip(target, orders, cursors, strict=True)
        host.each(host.loops.gather, [(t, table, o, c, row_bytes, passes) for t, o, c in parts])

    def verify():
        by_row = table[: rows * row_bytes].reshape(rows, row_bytes)
        last = [o[np.arange(c[0] - count, c[0]) % len(o)] for o, c in zip(orders, cursors, strict=True)]
        return all(np.array_equal(t.reshape(count, row_bytes), by_row[o]) for t, o in zip(target, last, strict=True))

    return host.call(
        run,
        work=row_bytes,
        calls=threads * count,
        least_s=5e-3,
        poison=lambda: target.fill(0xFF),
        verify=verify,
    )


@probe(
    None,
    runner="on_host",
    budget=_BUDGET,
    footprint=pow2("4KiB", "256MiB", per_octave=2, quick=1, full=8, multiple=_LINE),
    measures=Metric(name="latency", unit="s/hop", better="lower", reduce=lambda s: s.seconds),
    needs=[host_memory(lambda axes: 2 * axes["footprint"])],
    fits="ladder",
)
def pointer_chase(host, *, footprint):
    """Seconds per dependent load over a random ring of the 64-byte lines of `footprint` bytes."""
    n = footprint // _LINE
    ring = host.array(n * _WORDS, np.uint64)
    places = _link(ring)
    hops = 1024
    walked = min(n, _WARM_HOPS)
    place = np.uint64(host.loops.chase(ring, places[0], walked))

    def run(passes):
        nonlocal walked, place
        place = np.uint64(host.loops.chase(ring, place, hops * passes))
        walked += hops * passes

    return host.call(
        run,
        work=1,
        calls=hops,
        verify=lambda: bool(place == places[walked % n]),
    )


@probe(
    None,
    runner="on_host",
    budget=_BUDGET,
    bytes=pow2("4KiB", "256MiB", per_octave=2, quick=1, full=4),
    threads=_FEW_THREADS,
    measures=[bandwidth(), seconds()],
    needs=[host_memory(lambda axes: 3 * axes["bytes"]), _ENOUGH_CORES],
    where=lambda bytes, threads: threads == 1 or (bytes >= threads << 15 and bytes & (bytes - 1) == 0),
)
def memcpy(host, *, bytes, threads):
    """The C library's memcpy, each byte counted once; by several threads in equal parts, at powers of two."""
    source, target = (host.array(bytes, np.uint8, threads=threads) for _ in range(2))
    host.mark(source, threads=threads)
    parts = list(zip(host.split(target, threads), host.split(source, threads), strict=True))

    def run(passes):
        host.each(host.loops.memcpy, [(*part, passes) for part in parts])

    return host.call(
        run,
        work=bytes,
        least_s=2e-3 if threads == 1 else 10e-3,
        poison=lambda: target.fill(0xFF),
        verify=lambda: all(np.array_equal(t, x) for t, x in _blocks(target, source)),
    )
