"""The pipes of an SM beside its tensor cores: what an instruction costs, how many go a clock, which run at once."""

from gridstone import content, cycles, per_clock, probe, values

_operations = content.load_module(content.folder("runners") / "operations.py")
_pairs = content.load_module(content.folder("runners") / "operation_pairs.py")
_dpx = content.load_module(content.folder("bench") / "dpx.py")
_REFERENCES = content.load_module(content.folder("runners") / "operation_reference.py").REFERENCES


def _row(name, opcode, operands, rate, **more):
    """An operation; `opcode` is a regular expression that holds for all targets, or (expression, count) by target."""
    opcodes = opcode if isinstance(opcode, dict) else {80: ((opcode, 1),)}
    machine = more.pop("machine", 1)
    return _operations.Operation(
        name=name,
        opcodes=opcodes,
        reference=_REFERENCES[name],
        operands=operands,
        rate=rate,
        machine=machine if isinstance(machine, dict) else {80: machine},
        **more,
    )


def _two(first, second):
    return {80: ((first, 1), (second, 1))}


def _voted(vote):
    """The comparison is demanded between the clocks; the gate does not follow a predicate that a vote writes."""
    return {80: ((r"ISETP\.GT\.U32\.AND", 1), (vote, 1, "unclocked"))}


_TWO = {"per_step": 2, "steps": 112, "machine": 2}
_EXPANDS = {"steps": 112, "machine": 2}
_MIN_MAX = {80: ((r"IMNMX", 2),), 90: ((r"VIMNMX", 2),), 120: ((r"VIMNMX\.S32", 2),)}
# Where the loop counter shares an opcode with an operation of several instructions, only the others are demanded.
OPERATIONS = {
    row.name: row
    for row in (
        # 32-bit floating point
        _row("add_f32", r"FADD", "summands f32", "f32", cycles=4),
        _row("mul_f32", r"FMUL", "factors f32", "f32", cycles=4),
        _row("fma_f32", r"FFMA", "powers f32", "f32", cycles=4),
        _row("min_max_f32", {80: ((r"FMNMX", 2),)}, "summands f32", "compare", **_TWO, cycles=5),
        _row("setp_selp_f32", _two(r"FSETP\.GT\.AND", r"FSEL"), "summands f32", "compare", **_TWO),
        # packed 16-bit floating point: the assembler shares it out between two pipes where there are two
        _row("add_f16x2", r"HADD2|HFMA2(\.MMA)?", "summands f16x2", "f16x2"),
        _row("mul_f16x2", r"HMUL2|HFMA2(\.MMA)?", "factors f16x2", "f16x2"),
        _row("fma_f16x2", r"HFMA2(\.MMA)?", "powers f16x2", "f16x2"),
        _row("fma_bf16x2", r"HFMA2(\.MMA)?\.BF16_V2", "powers bf16x2", "bf16x2"),
        _row("min_max_f16x2", {80: ((r"HMNMX2", 2),)}, "summands f16x2", "compare", **_TWO),
        # 64-bit floating point
        _row("add_f64", r"DADD", "summands f64", "f64", cycles=8),
        _row("mul_f64", r"DMUL", "factors f64", "f64", cycles=8),
        _row("fma_f64", r"DFMA", "powers f64", "f64", cycles=8),
        # division and roots; IEEE ones branch, so that nothing is claimed of their loops: `machine` is the least
        _row(
            "div_approx_f32",
            _two(r"MUFU\.RCP", r"FMUL\.FTZ"),
            "divided f32",
            "special",
            cycles=28,
            tolerance=1e-3,
            **_EXPANDS,
        ),
        _row("div_full_f32", r"MUFU\.RCP", "divided f32", "special", steps=40, machine=5, cycles=45, tolerance=1e-3),
        _row("div_rn_f32", {80: ()}, "divided f32", "special", steps=16, machine=8, cycles=80),
        _row("rcp_rn_f32", {80: ()}, "divided f32", "special", steps=16, machine=7, cycles=60),
        _row("sqrt_rn_f32", {80: ()}, "divided f32", "special", steps=16, machine=7, cycles=60),
        _row("div_rn_f64", {80: ()}, "divided f64", "special", steps=16, machine=12, cycles=150),
        _row("sqrt_rn_f64", {80: ()}, "divided f64", "special", steps=16, machine=12, cycles=150),
        # the special function unit
        _row(
            "rcp_tanh_f32",
            _two(r"MUFU\.RCP", r"MUFU\.TANH"),
            "divided f32",
            "special",
            **_TWO,
            cycles=22,
            tolerance=1e-2,
        ),
        _row("rsqrt_f32", r"MUFU\.RSQ", "divided f32", "special", cycles=22, tolerance=1e-5),
        _row("sqrt_f32", r"MUFU\.SQRT", "divided f32", "special", cycles=22, tolerance=1e-5),
        _row("ex2_f32", r"MUFU\.EX2", "divided f32", "special", cycles=22, tolerance=1e-5),
        _row(
            "lg2_ex2_f32", _two(r"MUFU\.LG2", r"MUFU\.EX2"), "divided f32", "special", **_TWO, cycles=22, tolerance=1e-2
        ),
        _row(
            "sin_f32", _two(r"MUFU\.SIN", r"FMUL\.RZ"), "divided f32", "special", cycles=28, tolerance=1e-2, **_EXPANDS
        ),
        _row(
            "cos_f32", _two(r"MUFU\.COS", r"FMUL\.RZ"), "divided f32", "special", cycles=28, tolerance=1e-4, **_EXPANDS
        ),
        # of a small number nearly the number: what is left of a chain hangs on the last bit, rcp_tanh checks the value
        _row("tanh_f32", r"MUFU\.TANH", "divided f32", "special", cycles=22, tolerance=3),
        _row(
            "tanh_f16x2",
            {80: ((r"MUFU\.TANH\.F16", 2),)},
            "divided f16x2",
            "special",
            uses=2,
            cycles=30,
            tolerance=3,
            **_EXPANDS,
        ),
        # integers: the assembler joins two sums to one of three inputs, and makes two instructions of 64 bits
        _row("add_s32", r"IADD3", "bits u32", "integer", per_step=2, uses=0.5, cycles=3),
        _row("mad_s32", r"IMAD", "bits u32", "multiply", cycles=4),
        _row("mad_hi_u32", r"IMAD\.HI\.U32", "bits u32", "multiply", steps=112, cycles=5),
        _row("mul_wide_u32", r"IMAD\.WIDE\.U32", "bits u64", "multiply", cycles=10, **_EXPANDS),
        _row("add_s64", {80: ((r"IADD3\.X", 1),), 120: ((r"IADD\.64", 2),)}, "bits u64", "integer", **_TWO),
        _row("mad_s64", r"IMAD\.WIDE\.U32", "bits u64", "multiply", steps=48, machine=4, uses=3, cycles=16),
        _row("div_u32", r"MUFU\.RCP", "bits u32", "special", steps=12, machine=18, cycles=110),
        _row("dp4a", r"IDP\.4A\.S8\.S8", "bits u32", None, cycles=5),
        _row("min_max_s32", _MIN_MAX, "bits u32", "compare", **_TWO),
        _row(
            "sad_s32", {80: ((r"VABSDIFF", 1),), 120: ((r"VIMNMX\.S32", 2),)}, "bits u32", None, machine={80: 1, 120: 3}
        ),
        # bits
        _row("lop3", r"LOP3\.LUT", "bits u32", "logic"),
        _row("shl_b32", r"SHF\.L\.U32", "shifts", "shift"),
        _row("shf_l_wrap", r"SHF\.L\.W\.U32\.HI", "bits u32", "shift"),
        _row("prmt", r"PRMT", "bits u32", None),
        _row("popc", r"POPC", "bits u32", "count", cycles=12),
        _row("brev", r"BREV", "bits u32", "count", cycles=12),
        _row("flo", r"FLO\.U32", "bits u32", "count", cycles=12),
        _row("clz", r"FLO\.U32", "bits u32", "count", cycles=16, **_EXPANDS),
        _row("setp_selp_s32", r"ISETP\.GT\.AND", "bits u32", "compare", **_TWO),
        # conversions: to values of as many bits, or there and back
        _row("cvt_s32_f32", r"I2FP\.F32\.S32|I2F", "bits u32", "convert"),
        _row("cvt_f32_s32", r"F2I\.TRUNC\.NTZ", "whole f32bits", "convert", cycles=12),
        _row("cvt_s8_f32", r"I2F\.S8", "bits u32", "convert_small", cycles=12),
        _row("cvt_f32_f16x2", r"F2FP(\.F16\.F32)?\.PACK_AB", "summands f32", "convert"),
        _row("cvt_f32_bf16x2", r"F2FP\.BF16(\.F32)?\.PACK_AB", "summands f32", "convert"),
        _row("cvt_f16_f32", r"HADD2\.F32", "divided f32", None),
        _row("cvt_f32_tf32", r"FSETP\.GEU\.AND", "whole f32bits", None, steps=64, machine=3, cycles=12),
        _row("rint_f32", r"FRND", "whole f32", "convert", cycles=12),
        _row("cvt_s64_f64", r"I2F\.F64\.S64", "whole s64", "convert64", cycles=20),
        _row("cvt_f64_s64", r"F2I\.S64\.F64\.TRUNC", "whole f64bits", "convert64", cycles=20),
        _row(
            "cvt_f64_f32_f64", _two(r"F2F\.F32\.F64", r"F2F\.F64\.F32"), "summands f64", "convert64", **_TWO, cycles=20
        ),
        _row("cvt_f64_s32_f64", _two(r"F2I\.F64\.TRUNC", r"I2F\.F64"), "whole f64", "convert64", **_TWO, cycles=20),
        _row("cvt_s64_f32_s64", _two(r"I2F\.S64", r"F2I\.S64\.TRUNC"), "whole s64", "convert64", **_TWO, cycles=20),
        # the warp as one
        _row("shfl_idx", r"SHFL\.IDX", "lanes", "shuffle", cycles=24),
        _row("shfl_bfly", r"SHFL\.BFLY", "masks", "shuffle", cycles=24),
        _row("shfl_up", r"SHFL\.UP", "masks", "shuffle", cycles=24),
        _row("shfl_down", r"SHFL\.DOWN", "masks", "shuffle", cycles=24),
        _row("vote_ballot", _two(r"VOTE\.ANY", r"ISETP\.GT\.U32\.AND"), "bits u32", "vote", cycles=20, **_EXPANDS),
        _row("vote_any", _voted(r"VOTE\.ANY"), "bits u32", "vote", steps=64, machine=3, cycles=25),
        _row("vote_all", _voted(r"VOTE\.ALL"), "bits u32", "vote", steps=64, machine=3, cycles=25),
        _row("match_any", r"MATCH\.ANY", "alike 4", None, steps=64, machine=2, cycles=60),
        _row("match_all", r"MATCH\.ALL", "alike 1", None, steps=64, machine=2, cycles=30),
        _row("redux_add", r"REDUX\.SUM\.S32", "bits u32", "reduce", steps=64, machine=3, cycles=40),
        _row("redux_max", r"C?REDUX\.MAX\.S32", "bits u32", "reduce", steps=64, machine=3, cycles=40),
        _row("redux_xor", r"REDUX\.XOR", "bits u32", "reduce", steps=64, machine=3, cycles=40),
    )
}
# Those whose throughput is swept over warps and chains; the others have a point short of saturation and one beyond.
_SWEPT = ("fma_f32", "fma_f16x2", "fma_f64", "mad_s32", "lop3", "ex2_f32", "shfl_bfly")
_CORNERS = ((4, 4), (32, 4))
_QUICK = ["fma_f32", "fma_f64", "mad_s32", "lop3", "ex2_f32", "cvt_f32_s32", "shfl_bfly"]


def _limit(machine, axes, _samples):
    return OPERATIONS[axes["function"]].limit(machine)


def _swept(function, warps, ilp):
    return function in _SWEPT or (warps, ilp) in _CORNERS


@probe(
    "pipes/latency.cu",
    function=values(OPERATIONS, quick=_QUICK),
    knobs=["function"],
    measures=cycles(per="operation"),
    sass=_operations.demands(OPERATIONS, divisor=2),
)
def latency(gpu, *, function):
    """Cycles of an operation whose operand is the result of the one before it."""
    return _operations.chain(gpu, OPERATIONS[function])


@probe(
    "pipes/throughput.cu",
    function=values(OPERATIONS, quick=_QUICK),
    warps=values([1, 2, 4, 8, 16, 32], quick=[4, 32]),
    ilp=values([1, 2, 4, 8], quick=[4]),
    knobs=["function", "ilp"],
    measures=per_clock(unit="operation/cycle"),
    limit=_limit,
    sass=_operations.demands(OPERATIONS),
    where=_swept,
)
def throughput(gpu, *, function, warps, ilp):
    """Operations per SM and clock by warps, and by independent chains in each thread."""
    return _operations.fill(gpu, OPERATIONS[function], warps=warps, ilp=ilp)


_MMA = _row("mma_f16", r"HMMA\.1688\.F16", "ternary", "tensor", cycles=18)
_SIDES = {**OPERATIONS, "mma_f16": _MMA, "viaddmax_s32": _dpx.OPERATIONS["viaddmax_s32"]}
# Of the first as many go with each of the second as keep both pipes busy for about as long.
_PAIRS = {
    ("fma_f32", "add_s32"): 1,
    ("fma_f32", "mad_s32"): 1,
    ("fma_f32", "lop3"): 1,
    ("fma_f32", "fma_f64"): 1,
    ("fma_f32", "fma_f16x2"): 1,
    ("fma_f32", "viaddmax_s32"): 1,
    ("fma_f32", "ex2_f32"): 4,
    ("fma_f32", "shfl_bfly"): 4,
    ("fma_f32", "mma_f16"): 4,
    ("lop3", "mad_s32"): 1,
    ("lop3", "fma_f64"): 1,
    ("lop3", "viaddmax_s32"): 1,
    ("lop3", "ex2_f32"): 4,
    ("lop3", "mma_f16"): 4,
    ("fma_f64", "ex2_f32"): 4,
    ("mma_f16", "ex2_f32"): 1,
}
_ALONE = tuple(dict.fromkeys(side for pair in _PAIRS for side in pair))


def _paired(first, second, ratio, warps):
    return ratio == (1 if second == "none" else _PAIRS.get((first, second)))


def _limit_of_pair(machine, axes, _samples):
    return _pairs.limit(machine, _SIDES[axes["first"]], _SIDES.get(axes["second"]), axes["ratio"])


@probe(
    "pipes/pair.cu",
    first=values(_ALONE, quick=["fma_f32", "add_s32"]),
    second=values(["none", *_ALONE], quick=["none", "add_s32"]),
    ratio=[1, 4],
    warps=values([16], full=[4, 16, 32]),
    knobs=["first", "second", "ratio"],
    measures=per_clock(unit="instruction/cycle"),
    limit=_limit_of_pair,
    sass=_pairs.demands(_SIDES),
    where=_paired,
)
def pair(gpu, *, first, second, ratio, warps):
    """Instructions per SM and clock of two kinds in every thread, `ratio` of the first for each of the second."""
    return _pairs.fill(gpu, _SIDES[first], _SIDES.get(second), ratio, warps)
