"""What it costs to meet: strides that fall on one bank, atomics on one word, fences and barriers at every scope."""

from dataclasses import replace

import numpy as np

from gridstone import (
    compute_capability,
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
from gridstone.declaration import Need

_KIB, _MIB = 1 << 10, 1 << 20
_WIDTH = {4: "", 8: r"\.64", 16: r"\.128"}
_ROWS, _ROW = 8, 8192


def _load(axes):
    stem = "LDS" if axes["source"] == "shared" else r"LDG\.E"
    return rf"{stem}{_WIDTH[axes['vector']]}(\.STRONG\.SM)?"


def _useful_stride(source, vector, stride):
    """Strides that are whole accesses, and one place for all."""
    return stride % vector == 0 and (source, vector) != ("global", 4)


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
    measures=cycles(per="access"),
    where=_useful_stride,
    sass={"sm_80+": loop(_load, count=16, clocked=True)},
)
def strided_latency(gpu, *, source, vector, stride):
    """Cycles until a warp has loaded, its lanes `stride` bytes apart, from shared memory or from L1."""
    memory, ended = gpu.alloc(4 * _ROW), []

    def args(length):
        ended.append(32 * ((3 + length) % 3))
        return [memory, np.uint32(stride)]

    def expect():
        expected = list(ended)
        ended.clear()
        return expected

    shared = 4 * _ROW if source == "shared" else 0
    return gpu.chain(args=args, lengths=(256, 1280), block=32, shared=shared, expect=expect)


def _bank_limit(machine, axes, samples):
    """128 B per clock where each lane has bytes of its own; words that lanes share are counted once per lane."""
    return constant(128, "32 banks of 4 bytes per clock")(machine, axes, samples) if axes["stride"] else None


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
    limit=_bank_limit,
    where=lambda source, vector, stride: stride % vector == 0 and (source == "shared" or vector == 4),
    sass={"sm_80+": loop(_load, count=_ROWS)},
)
def strided_load(gpu, *, source, vector, stride):
    """Bytes that an SM's warps load per clock, the lanes of each `stride` bytes apart."""
    threads, rounds = 1024, 301
    words = np.random.default_rng().integers(0, 2**32, _ROWS * _ROW // 4, dtype=np.uint32)
    memory, folded = gpu.alloc(words.nbytes), gpu.alloc(4 * gpu.multiprocessors * threads).view(np.uint32)
    memory.view(np.uint32).set(words)
    first = stride // 4 * np.arange(32)[:, None] + np.arange(vector // 4)
    expected = np.bitwise_xor.reduce(words.reshape(_ROWS, _ROW // 4)[:, first], axis=(0, 2))
    return gpu.fill(
        block=threads,
        args=[memory, np.uint32(stride), np.uint32(0), np.uint32(rounds), folded],
        work=gpu.multiprocessors * threads * rounds * _ROWS * vector,
        shared=words.nbytes if source == "shared" else 0,
        poison=lambda: gpu.memset(folded, 0xFF),
        verify=lambda: bool((folded.get().reshape(-1, 32) == expected).all()),
    )


@probe(
    "cache/chase.cu",
    pattern=["power_of_two", "odd"],
    stride=values([64 * _KIB, 512 * _KIB, 4 * _MIB], quick=[512 * _KIB], full=[16 * _KIB << k for k in range(10)]),
    count=values([16, 64, 256, 1024], quick=[64, 1024], full=[2**k for k in range(3, 12)]),
    tier=["l2"],
    knobs=["tier"],
    measures=cycles(per="hop"),
    where=lambda stride, count, **_: count * stride <= 4 << 30,
    needs=[gpu_memory(lambda axes: axes["count"] * (axes["stride"] + 128))],
    sass={"sm_80+": loop(r"LDG\.E\.64\.STRONG\.GPU", count=16, clocked=True)},
)
def l2_sets(gpu, *, pattern, stride, count, tier):
    """Latency of L2 over places a power of two apart, and over places a line further apart."""
    apart = stride + (128 if pattern == "odd" else 0)
    ring = gpu.ring(count * apart, apart)
    return gpu.chain(
        args=lambda length: [ring.walk.step(count + length), np.uint32(count)],
        lengths=(1024, 3072),
        expect=ring.walk.expect,
    )


# Atomics

# What an instruction of the machine code is called; where shared memory has none, a loop around a compare-and-swap.
_NATIVE_IN_SHARED = {("add", "u32"), ("min", "u32"), ("exch", "u32"), ("cas", "u32"), ("exch", "u64"), ("cas", "u64")}
_SUFFIX = {"u32": "", "u64": r"\.64", "f32": r"(\.F32)?\.FTZ\.RN", "f64": r"\.F64\.RN"}
_SUFFIX |= {"f16x2": r"\.F16x2\.RN", "bf16x2": r"\.BF16x2\.RN"}
_DTYPES = {"add": ("u32", "u64", "f32", "f64", "f16x2", "bf16x2"), "min": ("u32",), "exch": ("u32", "u64")}
_DTYPES["cas"] = ("u32", "u64")
_FUNCTIONS, _TYPES = ["add", "min", "exch", "cas"], ["u32", "u64", "f32", "f64", "f16x2", "bf16x2"]


def _native(axes):
    return axes["source"] != "shared" or (axes["function"], axes["dtype"]) in _NATIVE_IN_SHARED


def _atomic(axes, stem):
    if not _native(axes):
        return r"ATOMS\.CAST\.SPIN(\.64)?"
    name = axes["function"].upper()
    if axes["source"] == "shared":
        return rf"ATOMS\.{name}{_SUFFIX[axes['dtype']]}"
    return rf"{stem}\.E\.{name}{_SUFFIX[axes['dtype']]}\.STRONG\.GPU"


def _offered(function, dtype, **_):
    return dtype in _DTYPES[function]


def _hopper_for(axis, value):
    """Compute capability 9.0 where the axis has that value."""
    needed = compute_capability(9.0).missing
    return Need(name="cc>=9.0", missing=lambda machine, axes: needed(machine, axes) if axes[axis] == value else None)


_PACKED = _hopper_for("dtype", "bf16x2")


def _claims(demand, axis="dtype", since_sm_90="bf16x2"):
    """The contract; of what only sm_90 and later have, nothing is claimed before."""

    def before(axes):
        found = demand(axes)
        return replace(found, count=0) if axes[axis] == since_sm_90 else found

    return {"sm_80-sm_89": before, "sm_90+": demand}


def _atomics():
    return content.load_module(content.folder("runners") / "cupy_atomics.py")


@probe(
    "contention/shared_atomic_chain.cu",
    source=["shared"],
    function=values(_FUNCTIONS, quick=["add", "cas"]),
    dtype=values(_TYPES, quick=["u32", "f32"]),
    count=values([1, 2, 4, 8, 16, 32], quick=[1, 32], full=[1, 2, 4, 8, 16, 32]),
    knobs=["source", "function", "dtype"],
    measures=cycles(per="atomic"),
    where=lambda function, dtype, count, **_: (
        _offered(function, dtype) and (count == 1 or (function in ("min", "exch", "cas") and dtype == "u32"))
    ),
    needs=[_PACKED],
    sass=_claims(loop(lambda axes: _atomic(axes, ""), count=lambda axes: 16 if _native(axes) else 1, clocked=True)),
)
def shared_atomic_latency(gpu, *, source, function, dtype, count):
    """Cycles from an atomic of shared memory to the next that needs its result, `count` lanes on one word."""
    atomics = _atomics()
    operands = atomics.operands(function, dtype)
    launched = []

    def args(length):
        launched.append(length + 1)
        return [*map(np.uint64, operands), np.uint32(count)]

    def expect():
        lengths = list(launched)
        launched.clear()
        return [atomics.chained(function, dtype, operands, steps, count) for steps in lengths]

    return gpu.chain(args=args, lengths=(32, 96), block=1 if count == 1 else 32, expect=expect)


@probe(
    "contention/global_atomic_lines.cu",
    source=["global"],
    function=values(_FUNCTIONS, quick=["add", "cas"]),
    dtype=values(_TYPES, quick=["u32", "f32"]),
    knobs=["source", "function", "dtype"],
    measures=[
        observed(name="latency", unit="cycle/atomic"),
        observed(name="latency_near", unit="cycle/atomic"),
        observed(name="latency_far", unit="cycle/atomic"),
    ],
    where=_offered,
    needs=[_PACKED],
    sass=_claims(loop(lambda axes: _atomic(axes, "ATOMG?"), count=8, clocked=True)),
    budget=2.0,
)
def global_atomic_latency(gpu, *, source, function, dtype):
    """Cycles from an atomic of global memory to the next that needs its result, over lines near and far."""
    from gridstone.changepoint import split_in_two

    atomics = _atomics()
    lines, stride = 256, 4096 + 128
    operands = atomics.operands(function, dtype)
    memory = gpu.alloc(lines * stride)
    spent, left = gpu.alloc(4 * lines).view(np.uint32), gpu.alloc(16 * lines).view(np.uint64)
    args = [memory, np.uint64(stride), np.uint32(lines), *map(np.uint64, operands), spent, left]
    expected = atomics.after(function, dtype, operands, 24)

    def observe():
        gpu.memset(spent, 0)
        gpu.enqueue(gpu.kernel, 1, 1, args)
        each = spent.get() / 8
        near, far = split_in_two(each)
        return {
            "latency": float(each.mean()),
            "latency_near": float(np.median(near)),
            "latency_far": float(np.median(far)),
        }

    return replace(
        gpu.observe(observe),
        poison=lambda: gpu.memset(left, 0xFF),
        verify=lambda: bool((left.get().reshape(-1, 2) == np.array(expected, np.uint64)).all()),
    )


# Rounds of eight atomics per thread that take about 0.1 to 0.3 ms: on words of all warps, and of each warp alone.
_ROUNDS = {
    ("shared", "all", True): 40,
    ("shared", "warp", True): 100,
    ("shared", "all", False): 1,
    ("shared", "warp", False): 8,
    ("global", "all", True): 1,
    ("global", "warp", True): 24,
}


def _where_filled(source, function, dtype, method, pattern, count):
    if not _offered(function, dtype) or (method == "red" and function in ("exch", "cas")):
        return False
    if method == "red" and source == "shared":
        return False
    whole = (function, dtype) == ("add", "u32")
    return whole or (pattern, count) in (("all", 1), ("all", 32), ("warp", 32))


@probe(
    "contention/atomic_fill.cu",
    source=["shared", "global"],
    function=values(_FUNCTIONS, quick=["add", "cas"]),
    dtype=values(_TYPES, quick=["u32", "f32"]),
    method=["atom", "red"],
    pattern=["all", "warp"],
    count=values([1, 2, 4, 8, 16, 32], quick=[1, 32]),
    knobs=["source", "function", "dtype", "method", "pattern"],
    measures=[per_clock(unit="op/cycle"), rate(unit="op/s")],
    limit={"throughput": constant(32, "32 lanes of the load and store unit per clock")},
    where=_where_filled,
    budget=0.5,
    needs=[_PACKED],
    sass=_claims(
        loop(
            lambda axes: _atomic(axes, "REDG?" if axes["method"] == "red" else "ATOMG?"),
            count=lambda axes: 8 if _native(axes) else 1,
        )
    ),
)
def atomic_throughput(gpu, *, source, function, dtype, method, pattern, count):
    """Atomics per SM and clock with all warps at them, each on `count` words, of its own or the same for all."""
    atomics = _atomics()
    threads = 1024
    total = gpu.multiprocessors * threads
    rounds = _ROUNDS[source, pattern, _native({"source": source, "function": function, "dtype": dtype})]
    form = atomics.Fill(function=function, dtype=dtype, source=source, pattern=pattern, count=count, rounds=8 * rounds)
    initial = np.full(total, form.initial, form.kind)
    words, tail = gpu.alloc(initial.nbytes).view(form.kind), gpu.alloc(8).view(np.uint32)

    def poison():
        words.set(initial)
        tail.set(np.zeros(2, np.uint32))

    args = [words, *map(form.kind, form.operands), np.uint32(count), np.uint32(rounds), tail[:1], tail[1:]]
    return gpu.fill(
        block=threads,
        args=args,
        work=8 * rounds * total,
        shared=threads * form.kind().itemsize if source == "shared" else 0,
        poison=poison,
        verify=lambda: form.right(words.get(), int(tail.get()[0]), gpu.multiprocessors, threads),
    )


# Fences and barriers


def _fence(axes):
    """The scope that the machine code names: that of a cluster is the GPU's."""
    order = "ALL" if axes["function"] == "acq_rel" else "SC"
    return rf"MEMBAR\.{order}\.{ {'block': 'CTA', 'system': 'SYS'}.get(axes['scope'], 'GPU') }"


@probe(
    "contention/fence_chain.cu",
    function=["acq_rel", "sc", "membar"],
    scope=["block", "cluster", "gpu", "system"],
    pattern=["idle", "store"],
    knobs=["function", "scope", "pattern"],
    measures=cycles(per="fence"),
    where=lambda function, scope, **_: scope != "cluster" or function == "acq_rel",
    needs=[_hopper_for("scope", "cluster")],
    sass=_claims(loop(_fence, count=16), axis="scope", since_sm_90="cluster"),
)
def fence(gpu, *, function, scope, pattern):
    """Cycles of a fence of one thread with nothing under way, or after a store to another line."""
    memory, stored = gpu.alloc(16 * 128).view(np.uint32), []

    def args(length):
        stored.append(length - 1 if pattern == "store" else 0)
        return [memory]

    def expect():
        expected = list(stored)
        stored.clear()
        return expected

    gpu.memset(memory, 0)
    return gpu.chain(args=args, lengths=(32, 96), expect=expect)


_BARRIER = {
    "block": r"BAR\.SYNC(\.DEFER_BLOCKING)?",
    "count": r"BAR\.RED\.POPC(\.DEFER_BLOCKING)?",
    "vote": r"VOTE\.ANY",
}


@probe(
    "contention/barrier_chain.cu",
    function=["block", "count", "vote"],
    warps=values([1, 2, 4, 8, 16, 32], quick=[1, 8, 32]),
    knobs=["function"],
    measures=cycles(per="barrier"),
    where=lambda function, warps: function != "vote" or warps == 1,
    sass={"sm_80+": loop(lambda axes: _BARRIER[axes["function"]], count=16)},
)
def barrier(gpu, *, function, warps):
    """Cycles of a barrier of a block, of one that counts threads, and of a vote of a warp's lanes."""
    launched = []

    def args(length):
        launched.append({"block": 1, "count": 32 * warps, "vote": 2**32 - 1}[function])
        return [np.uint32(2**32 - 1)]

    def expect():
        expected = list(launched)
        launched.clear()
        return expected

    return gpu.chain(args=args, lengths=(256, 1280), block=32 * warps, expect=expect)


@probe(
    "contention/grid_barrier.cu",
    count=values([2, 8, 32, 64, 128], quick=[2, 128], full=[2, 4, 8, 16, 32, 64, 96, 128], open=True, low=2),
    measures=cycles(per="barrier"),
    needs=[
        Need(
            name="multiprocessors",
            missing=lambda machine, axes: (
                None
                if machine.gpu is None or axes["count"] <= machine.gpu.multiprocessors
                else f"needs {axes['count']} SMs, {machine.gpu.name} has {machine.gpu.multiprocessors}"
            ),
        )
    ],
    sass={"sm_80+": loop(r"ATOMG?\.E\.ADD\.STRONG\.GPU", clocked=True)},
)
def grid_barrier(gpu, *, count):
    """Cycles of a barrier of `count` blocks on as many SMs, by an atomic and a wait in global memory."""
    arrived, base = gpu.alloc(4).view(np.uint32), [0]
    gpu.memset(arrived, 0)
    passed = []

    def args(length):
        start = base[0]
        base[0] = (start + length * count) % 2**32
        passed.append(length)
        return [arrived, np.uint32(start)]

    def expect():
        expected = list(passed)
        passed.clear()
        return expected

    return gpu.chain(args=args, lengths=(16, 80), grid=count, expect=expect)
