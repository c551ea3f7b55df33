"""DPX: additions, minima and maxima in one instruction, for dynamic programming; emulated before and after Hopper."""

import numpy as np

from gridstone import content, loop, observed, per_clock, probe, rate, values

_operations = content.load_module(content.folder("runners") / "operations.py")
_alignment = content.load_module(content.folder("runners") / "alignment.py")
_REFERENCES = content.load_module(content.folder("runners") / "dpx_reference.py").REFERENCES
_SUFFIX = {"s32": "", "u32": r"\.U32", "s16x2": r"\.S16x2", "u16x2": r"\.U16x2"}
# Instructions per operation as the compiler for sm_80 and sm_89 emulates it: of which minima or maxima, and all.
_EMULATED = {
    "viadd s32": (1, 2),
    "viadd s32 relu": (2, 3),
    "viadd u32": (1, 2),
    "viadd s16x2": (2, 9),
    "viadd s16x2 relu": (4, 13),
    "viadd u16x2": (2, 8),
    "three s32": (2, 2),
    "three s32 relu": (3, 3),
    "three u32": (2, 2),
    "three s16x2": (4, 9),
    "three s16x2 relu": (6, 13),
    "three u16x2": (4, 7),
    "two s32 relu": (2, 2),
    "two s16x2 relu": (4, 9),
    "predicate s32": (1, 3),
    "predicate u32": (1, 3),
    "predicate s16x2": (2, 8),
    "predicate u16x2": (2, 7),
}


def _kind(name):
    """`viadd`, `three`, `two` or `predicate`, the type, and what follows it: relu, fused."""
    stem, dtype, *rest = name.split("_")
    kind = {"viadd": "viadd", "vib": "predicate"}.get(stem[:-3], "three" if stem.endswith("3") else "two")
    return kind, dtype, rest


def _operation(name):
    kind, dtype, rest = _kind(name)
    relu, fused = "relu" in rest, "fused" in rest
    clamped = r"\.RELU" if relu else ""
    end = _SUFFIX[dtype] + clamped
    unsigned = r"\.U32" if dtype.startswith("u") else ""
    signed = r"\.S32" if dtype == "s32" else _SUFFIX[dtype]
    emulated, all_emulated = _EMULATED[f"{kind} {dtype}{' relu' if relu else ''}"]
    native = {"viadd": "VIADDMNMX", "three": "VIMNMX3", "two": "VIMNMX3" if fused else "VIMNMX", "predicate": "VIMNMX"}
    opcodes = {
        80: ((rf"IMNMX{unsigned}", emulated),),
        90: ((rf"{native[kind]}{end}", 0.5 if fused else 1),),
        120: ((rf"VIMNMX{signed}{clamped}", 2 if kind == "three" else 1),),
    }
    machine = {80: all_emulated, 90: 0.5 if fused else 1, 120: {"viadd": 2, "three": 2}.get(kind, 1)}
    if kind == "predicate":  # one more instruction makes the next value of the predicate
        machine = {80: all_emulated, 90: 2, 120: 7}
        if dtype.endswith("32"):
            compared = ((rf"ISETP\.G[ET]{unsigned}\.AND", 1),)
            opcodes, machine = {**opcodes, 90: compared, 120: compared}, {80: all_emulated, 90: 3, 120: 3}
    return _operations.Operation(
        name=name,
        opcodes=opcodes,
        reference=_REFERENCES[name],
        operands="bits u32",
        machine=machine,
        steps=112 if kind == "predicate" else 224,
        steps_before_90=16,
        rate="dpx",
        uses=machine[90],
    )


OPERATIONS = {name: _operation(name) for name in _REFERENCES}
_QUICK = ["viaddmax_s32", "vimax3_s16x2", "vimax_s32_relu", "vimax_s32_relu_fused"]


@probe("pipes/latency.cu", **_operations.chained(OPERATIONS, _QUICK))
def latency(gpu, *, function):
    """Cycles of a DPX intrinsic whose operand is the result of the one before it."""
    return _operations.chain(gpu, OPERATIONS[function])


@probe(
    "pipes/throughput.cu",
    function=values(OPERATIONS, quick=_QUICK),
    warps=values([4, 32], quick=[32]),
    ilp=[4],
    knobs=["function", "ilp"],
    measures=[
        per_clock(unit="operation/cycle"),
        observed(name="throughput_machine", unit="instruction/cycle", better="higher"),
    ],
    limit=_operations.limit_of(OPERATIONS),
    sass=_operations.demands(OPERATIONS),
)
def throughput(gpu, *, function, warps, ilp):
    """DPX intrinsics per SM and clock, as the source has them and as machine instructions."""
    return _operations.fill(gpu, OPERATIONS[function], warps=warps, ilp=ilp, machine=True)


# By target, function and type: the instruction that an iteration over 16 rows holds, and how often.
_CELLS = {
    80: {"unfused s32": (r"IMNMX(\.U32)?", 95), "plain s32": (r"IMNMX(\.U32)?", 94), "dpx s32": (r"IMNMX(\.U32)?", 94)},
    90: {
        "unfused s32": (r"VIMNMX(\.U32)?", 95),
        "plain s32": (r"VIADDMNMX", 45),
        "dpx s32": (r"VIADDMNMX", 45),
        "plain s16x2": (r"VIADDMNMX\.S16x2", 47),
        "dpx s16x2": (r"VIADDMNMX\.S16x2", 47),
    },
}
_CELLS[100] = {name: held for name, held in _CELLS[90].items() if name != "unfused s32"}


def _cells(target):
    def held(axes):
        return _CELLS[target].get(f"{axes['function']} {axes['dtype']}", ("", 0))

    return loop(lambda axes: held(axes)[0], count=lambda axes: held(axes)[1], clocked=True)


@probe(
    "dpx/smith_waterman.cu",
    function=["unfused", "plain", "dpx"],
    dtype=["s32", "s16x2"],
    warps=values([4, 16], quick=[16]),
    knobs=["function", "dtype"],
    measures=[rate(unit="update/s"), per_clock(unit="update/cycle")],
    sass={"sm_80-sm_89": _cells(80), "sm_90-sm_99": _cells(90), "sm_100-sm_119": _cells(100)},
    where=lambda function, dtype, warps: (function, dtype) != ("unfused", "s16x2"),
)
def smith_waterman(gpu, *, function, dtype, warps):
    """Cells of affine-gap alignments per second: DPX intrinsics, plain maxima, and maxima kept from being fused."""
    threads, words = 32 * warps, 2 if dtype == "s16x2" else 1
    queries, subjects = _alignment.sequences(threads * words)
    given = []
    for table in (_alignment.profile(queries, words), _alignment.selectors(subjects, words)):
        given.append(gpu.alloc(table.nbytes).view(np.uint32))
        given[-1].set(table.ravel())
    best = gpu.alloc(4 * gpu.multiprocessors * threads).view(np.uint32)

    def verify():
        found = best.get().view(np.int32 if words == 1 else np.int16).reshape(gpu.multiprocessors, -1)
        return bool((found == _alignment.scores(threads * words)).all())

    return gpu.fill(
        block=threads,
        args=[*given, np.uint32(_alignment.COLUMNS), np.uint32(1), best],
        work=gpu.multiprocessors * threads * words * _alignment.ROWS * _alignment.COLUMNS,
        poison=lambda: gpu.memset(best, 0xFF),
        verify=verify,
    )
