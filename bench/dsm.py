"""Distributed shared memory: what the blocks of a cluster pay to reach into each other's shared memory."""

from gridstone import (
    bandwidth,
    compute_capability,
    content,
    cycles,
    loop,
    observed,
    per_clock,
    probe,
    rate,
    seconds,
    values,
)

_CLUSTERS = compute_capability(9.0)
_SMS = observed(name="sms", unit="1", better="higher")  # whose clock told: one in each cluster that the GPU holds
_WIDTH = {4: "", 8: r"\.64", 16: r"\.128"}
_MOST_SHARED = 227 << 10  # of a block of sm_90
_ACCESS = {"load": r"LD\.E\.64", "load_window": r"LD\.E", "atomic_add": r"ATOM\.E\.ADD\.STRONG\.GPU"}
_SIGNAL = {
    "store": r"ST\.E\.STRONG\.GPU",
    "st_async": r"STAS",
    "bulk": r"UBLKCP\.S\.S",
    "arrive": r"SYNCS\.ARRIVE\.TRANS64\.RED\.A1T0",
    "arrive_relaxed": r"SYNCS\.ARRIVE\.TRANS64\.RED\.A1T0",
}
_WRITE = {"store": r"ST\.E{}", "st_async": "STAS{}", "bulk": r"UBLKCP\.S\.S"}
_BARRIER = {"block": r"BAR\.SYNC(\.DEFER_BLOCKING)?", "sync": "UCGABAR_ARV", "relaxed": "UCGABAR_ARV"}
_COUNT = {
    "shared": r"ATOMS\.POPC\.INC\.32",
    "dsm": r"ATOM\.E\.ADD\.STRONG\.GPU",
    "global": r"REDG\.E\.ADD\.STRONG\.GPU",
}


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


@probe(
    "dsm/access.cu",
    function=list(_ACCESS),
    source=["remote", "own"],
    knobs=["function"],
    measures=[cycles(per="access", within=0.4), _SMS],
    budget=0.2,
    sass={"sm_90+": loop(lambda axes: _ACCESS[axes["function"]], count=16, clocked=True)},
    needs=[_CLUSTERS],
)
def access(gpu, *, function, source):
    """Cycles per dependent load or atomic in the shared memory of another block of a cluster, or in the own."""
    return _runner("cluster_signals").access(gpu, function=function, source=source)


@probe(
    "dsm/round_trip.cu",
    function=list(_SIGNAL),
    bytes=values([4, 16, 1024, 16384], full=[4, 16, 256, 1024, 4096, 16384, 65536], unit="B"),
    knobs=["function"],
    measures=[cycles(per="round trip", within=0.4), _SMS],
    budget=1.0,
    sass={"sm_90+": loop(lambda axes: _SIGNAL[axes["function"]])},
    needs=[_CLUSTERS],
    where=lambda function, bytes: (function == "bulk") == (bytes >= 16),
)
def round_trip(gpu, *, function, bytes):
    """Cycles from a signal to another block until its answer is seen: by stores, st.async, bulk copies or mbarriers."""
    return _runner("cluster_signals").round_trip(gpu, function=function, bytes=bytes)


@probe(
    "dsm/barrier.cu",
    function=list(_BARRIER),
    cluster_size=values([1, 2, 4, 8, 16], full=range(1, 17), low=1, high=16),
    threads=values([128, 1024], full=[32, 128, 256, 512, 1024]),
    knobs=["function", "cluster_size"],
    measures=[cycles(per="barrier", within=0.4), _SMS],
    budget=2.0,  # which releasing barriers of 1024 threads of 16 blocks take up
    sass={"sm_90+": loop(lambda axes: _BARRIER[axes["function"]], count=32)},
    needs=[_CLUSTERS],
    where=lambda function, cluster_size, threads: (function == "block") == (cluster_size == 1),
)
def barrier(gpu, *, function, cluster_size, threads):
    """Cycles per barrier of a whole cluster (cluster.sync, or with a relaxed arrival), and per barrier of a block."""
    return _runner("cluster_signals").barrier(gpu, cluster_size=cluster_size, threads=threads)


def _one_at_a_time(pattern, cluster_size, vector, unroll, warps):
    return sum((vector != 16, unroll != 4, warps != 32)) <= 1 and (pattern != "pair" or cluster_size % 2 == 0)


@probe(
    "dsm/throughput.cu",
    pattern=["pair", "ring", "all_to_one", "broadcast", "all_to_all", "random"],
    cluster_size=values([2, 4, 8, 16], quick=[2, 8], full=[2, 3, 4, 6, 8, 12, 16], open=True, low=2, high=16),
    vector=values([4, 8, 16], quick=[16]),
    unroll=values([1, 4, 8], quick=[4]),
    warps=values([32], full=[8, 16, 32]),
    knobs=["pattern", "vector", "unroll"],
    measures=[
        bandwidth(),
        per_clock(unit="B/cycle", name="bandwidth_sm"),
        observed(name="clusters", unit="1", better="higher"),
    ],
    sass={"sm_90+": loop(lambda axes: rf"LD\.E{_WIDTH[axes['vector']]}", count="unroll", clocked=True)},
    needs=[_CLUSTERS],
    where=_one_at_a_time,
)
def throughput(gpu, *, pattern, cluster_size, vector, unroll, warps):
    """Bytes that clusters which fill the GPU read out of other blocks' shared memory, one block per SM."""
    return _runner("cupy_reads").work(
        gpu, pattern=pattern, cluster_size=cluster_size, vector=vector, unroll=unroll, warps=warps
    )


def _written(function, pattern, cluster_size, bytes):
    """The largest access of each kind by every pattern, the others all to all."""
    bulk, whole = bytes >= 256, bytes in (16, 8192)
    return (function == "bulk") == bulk and (whole or pattern == "all_to_all")


@probe(
    "dsm/write.cu",
    function=["store", "st_async", "bulk"],
    pattern=values(["pair", "ring", "all_to_one", "broadcast", "all_to_all"], quick=["all_to_all"]),
    cluster_size=values([2, 4, 8, 16], quick=[2, 8]),
    bytes=values([4, 8, 16, 256, 1024, 4096, 8192], quick=[16, 8192], unit="B"),
    knobs=["function", "pattern", "bytes"],
    measures=[
        bandwidth(),
        per_clock(unit="B/cycle", name="bandwidth_sm"),
        observed(name="clusters", unit="1", better="higher"),
    ],
    sass={
        "sm_90+": loop(
            lambda axes: _WRITE[axes["function"]].format(_WIDTH.get(axes["bytes"], "")),
            count=lambda axes: 1 if axes["function"] == "bulk" else 4,
        )
    },
    needs=[_CLUSTERS],
    where=_written,
    budget=0.5,
)
def write_throughput(gpu, *, function, pattern, cluster_size, bytes):
    """Bytes that clusters which fill the GPU write into other blocks' shared memory, until the last has arrived."""
    return _runner("cupy_writes").work(gpu, function=function, pattern=pattern, cluster_size=cluster_size, bytes=bytes)


def _has_room(method, bins, threads, cluster_size):
    """Bins of four bytes in the blocks that share them."""
    return (method == "dsm") == (cluster_size > 1) and (method == "global" or 4 * bins // cluster_size <= _MOST_SHARED)


@probe(
    "dsm/histogram.cu",
    method=list(_COUNT),
    bins=values([1 << n for n in (8, 10, 12, 14, 15, 16, 17, 18)], quick=[256, 16384, 65536]),
    threads=values([256, 1024], quick=[1024], full=[128, 256, 512, 1024]),
    cluster_size=values([1, 2, 4, 8, 16], quick=[1, 8]),
    knobs=["method"],
    measures=[rate(unit="update/s"), seconds()],
    sass={"sm_90+": loop(lambda axes: _COUNT[axes["method"]], count=8)},
    needs=[_CLUSTERS],
    budget=0.5,
    where=_has_room,
)
def histogram(gpu, *, method, bins, threads, cluster_size):
    """16 Mi random keys counted into bins of each block's shared memory, of a cluster's, or of global memory."""
    return _runner("cupy_histogram").work(gpu, method=method, bins=bins, threads=threads, cluster_size=cluster_size)
