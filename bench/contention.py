"""What it costs to meet: strides that fall on one bank or one set, and atomics on one word."""

from gridstone import (
    constant,
    content,
    cycles,
    gpu_memory,
    loop,
    observed,
    per_clock,
    probe,
    rate,
    values,
)

_KIB, _MIB = 1 << 10, 1 << 20
_codes = content.load_module(content.folder("runners") / "contention_codes.py")


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


# Lanes that load some stride apart


@probe(
    "contention/strided_chase.cu",
    source=["shared", "global"],
    vector=[4, 8, 16],
    stride=values(
        [0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 136, 144, 192, 256],
        quick=[0, 4, 8, 16, 32, 128],
        full=range(0, 257, 4),
        unit="B",
    ),
    knobs=["source", "vector"],
    measures=cycles(per="access", within=0.4),
    where=_codes.useful_stride,
    sass={"sm_80+": loop(_codes.load, count=16, clocked=True)},
)
def strided_latency(gpu, *, source, vector, stride):
    """Cycles until a warp has loaded, its lanes `stride` bytes apart, from shared memory or from L1."""
    return _runner("strides").latency(gpu, source=source, stride=stride)


@probe(
    "contention/strided_fill.cu",
    source=["shared", "global"],
    vector=[4, 8, 16],
    stride=values(
        [0, 4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 136, 144, 192, 256],
        quick=[0, 4, 8, 16, 32, 128],
        full=range(0, 257, 4),
        unit="B",
    ),
    knobs=["source", "vector"],
    measures=per_clock(unit="B/cycle", name="bandwidth_sm"),
    limit=_codes.bank_limit,
    where=lambda source, vector, stride: stride % vector == 0 and (source == "shared" or vector == 4),
    sass={"sm_80+": loop(_codes.load, count=8)},
)
def strided_load(gpu, *, source, vector, stride):
    """Bytes that an SM's warps load per clock, the lanes of each `stride` bytes apart."""
    return _runner("strides").fill(gpu, source=source, vector=vector, stride=stride)


@probe(
    "cache/chase.cu",
    pattern=["power_of_two", "odd"],
    stride=values([64 * _KIB, 512 * _KIB, 4 * _MIB], quick=[512 * _KIB], full=[16 * _KIB << k for k in range(10)]),
    count=values([16, 64, 256, 1024], quick=[64, 1024], full=[2**k for k in range(3, 12)]),
    tier=["l2"],
    knobs=["tier"],
    measures=cycles(per="hop", within=0.4),
    where=lambda stride, count, **_: count * stride <= 4 << 30,
    needs=[gpu_memory(lambda axes: axes["count"] * (axes["stride"] + 128) + (512 << 20))],
    sass={"sm_80+": loop(r"LDG\.E\.64\.STRONG\.GPU", count=16, clocked=True)},
)
def l2_sets(gpu, *, pattern, stride, count, tier):
    """Latency of L2 over places a power of two apart, and over places a line further apart."""
    apart, walks = stride + (128 if pattern == "odd" else 0), _runner("cupy_walks")
    # Of few places there are as many rings as SMs, for 2048 lines at most; an odd pitch keeps them apart.
    rings = walks.Rings(gpu, count=count, stride=apart, walkers=walks.walkers(gpu, 128, 2048 // count), pitch=37 * 128)
    return walks.chase(gpu, rings, warm=count, lengths=(1024, 3072))


# Atomics


_PACKED = _codes.hopper_for("dtype", "bf16x2")


@probe(
    "contention/shared_atomic_chain.cu",
    source=["shared"],
    function=values(_codes.FUNCTIONS, quick=["add", "cas"]),
    dtype=values(_codes.TYPES, quick=["u32", "f32"]),
    count=values([1, 2, 4, 8, 16, 32], quick=[1, 32], full=[1, 2, 4, 8, 16, 32]),
    knobs=["source", "function", "dtype"],
    measures=cycles(per="atomic", within=0.4),
    where=lambda function, dtype, count, **_: (
        _codes.offered(function, dtype) and (count == 1 or (function in ("min", "exch", "cas") and dtype == "u32"))
    ),
    needs=[_PACKED],
    sass=_codes.claims(
        loop(lambda axes: _codes.atomic(axes, ""), count=lambda axes: 16 if _codes.native(axes) else 1, clocked=True)
    ),
)
def shared_atomic_latency(gpu, *, source, function, dtype, count):
    """Cycles from an atomic of shared memory to the next that needs its result, `count` lanes on one word."""
    return _runner("atomic_chains").shared_latency(gpu, function=function, dtype=dtype, count=count)


@probe(
    "contention/global_atomic_lines.cu",
    source=["global"],
    function=values(_codes.FUNCTIONS, quick=["add", "cas"]),
    dtype=values(_codes.TYPES, quick=["u32", "f32"]),
    knobs=["source", "function", "dtype"],
    measures=[
        observed(name="latency", unit="cycle/atomic", within=0.4),
        observed(name="latency_near", unit="cycle/atomic", within=0.4),
        observed(name="latency_far", unit="cycle/atomic", within=0.4),
    ],
    where=_codes.offered,
    needs=[_PACKED],
    sass=_codes.claims(loop(lambda axes: _codes.atomic(axes, "ATOMG?"), count=8, clocked=True)),
    budget=2.0,
)
def global_atomic_latency(gpu, *, source, function, dtype):
    """Cycles from an atomic of global memory to the next that needs its result, over lines near and far."""
    return _runner("atomic_chains").global_latency(gpu, function=function, dtype=dtype)


@probe(
    "contention/atomic_fill.cu",
    source=["shared", "global"],
    function=values(_codes.FUNCTIONS, quick=["add", "cas"]),
    dtype=values(_codes.TYPES, quick=["u32", "f32"]),
    method=["atom", "red"],
    pattern=["all", "warp"],
    count=values([1, 2, 4, 8, 16, 32], quick=[1, 32]),
    knobs=["source", "function", "dtype", "method", "pattern"],
    measures=[per_clock(unit="op/cycle"), rate(unit="op/s")],
    limit={"throughput": constant(32, "32 lanes of the load and store unit per clock")},
    where=_codes.filled,
    budget=0.2,
    needs=[_PACKED],
    sass=_codes.claims(
        loop(
            lambda axes: _codes.atomic(axes, "REDG?" if axes["method"] == "red" else "ATOMG?"),
            count=lambda axes: 8 if _codes.native(axes) else 1,
        )
    ),
)
def atomic_throughput(gpu, *, source, function, dtype, method, pattern, count):
    """Atomics per SM and clock with all warps at them, each on `count` words, of its own or the same for all.

    A compare-and-swap finds the first word once: all but one of those on a word fail.
    """
    native = _codes.native({"source": source, "function": function, "dtype": dtype})
    return _runner("atomic_chains").fill(
        gpu, source=source, function=function, dtype=dtype, pattern=pattern, count=count, native=native
    )
