"""DPX: additions, minima and maxima in one instruction, for dynamic programming; emulated before and after Hopper."""

from gridstone import content, cycles, observed, per_clock, probe, values

_operations = content.load_module(content.folder("runners") / "operations.py")
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
    "predicate u16x2": (2, 8),
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
        steps=112,
        steps_before_90=16,
        rate="dpx",
        uses=machine[90],
    )


OPERATIONS = {name: _operation(name) for name in _REFERENCES}
_QUICK = ["viaddmax_s32", "vimax3_s16x2", "vimax_s32_relu", "vimax_s32_relu_fused"]


def _limit(machine, axes, _samples):
    return OPERATIONS[axes["function"]].limit(machine)


@probe(
    "pipes/latency.cu",
    function=values(OPERATIONS, quick=_QUICK),
    knobs=["function"],
    measures=cycles(per="operation"),
    sass=_operations.demands(OPERATIONS, divisor=2),
)
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
    limit=_limit,
    sass=_operations.demands(OPERATIONS),
)
def throughput(gpu, *, function, warps, ilp):
    """DPX intrinsics per SM and clock, as the source has them and as machine instructions."""
    return _operations.fill(gpu, OPERATIONS[function], warps=warps, ilp=ilp, machine=True)
