"""The operations of an SM's pipes: what machine code each is made of, and how its operands are drawn."""

from pathlib import Path

from gridstone import content

_operations = content.load_module(Path(__file__).with_name("operations.py"))
_REFERENCES = content.load_module(Path(__file__).with_name("operation_reference.py")).REFERENCES


def row(name, opcode, operands, rate, **more):
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


def _ieee(name, approximation, refined, *, machine, cycles):
    """Division or root rounded as IEEE 754 asks: an approximation, refined where the exponents allow it."""
    wide = name.endswith("f64")
    return row(
        name,
        {80: ((approximation, 1), refined)},
        "divided f64" if wide else "divided f32",
        "f64" if wide else "special",
        uses=refined[1] if wide else 1,
        steps=8 if wide else 16,
        steps_before_90=4 if wide else 8,
        machine=machine,
        cycles=cycles,
        calls="aside",
        plain=(2.0**-20, 2.0**20),
    )


_TWO = {"per_step": 2, "steps": 112, "machine": 2}
_EXPANDS = {"steps": 112, "machine": 2}
_BY_F32 = {"per_step": 2, "steps": 112, "steps_before_90": 56, "machine": {80: 4, 90: 2}}
_U64 = {80: 75, 120: 60}
_NARROW = r"F2FP\.BF16(\.F32)?\.PACK_AB"
_MIN_MAX = {80: ((r"IMNMX", 2),), 90: ((r"VIMNMX", 2),), 120: ((r"VIMNMX\.S32", 2),)}
# Where the loop counter shares an opcode with an operation of several instructions, only the others are demanded.
OPERATIONS = {
    operation.name: operation
    for operation in (
        # 32-bit floating point
        row("add_f32", r"FADD", "summands f32", "f32", cycles=4),
        row("mul_f32", r"FMUL", "factors f32", "f32", cycles=4),
        row("fma_f32", r"FFMA", "powers f32", "f32", cycles=4),
        row("min_max_f32", {80: ((r"FMNMX", 2),)}, "summands f32", "compare", **_TWO, cycles=5),
        row("setp_selp_f32", _two(r"FSETP\.GT\.AND", r"FSEL"), "summands f32", "compare", **_TWO),
        # packed 16-bit floating point: the assembler shares it out between two pipes where there are two
        row("add_f16x2", r"HADD2|HFMA2(\.MMA)?", "summands f16x2", "f16x2"),
        row("mul_f16x2", r"HMUL2|HFMA2(\.MMA)?", "factors f16x2", "f16x2"),
        row("fma_f16x2", r"HFMA2(\.MMA)?", "powers f16x2", "f16x2"),
        row("fma_bf16x2", r"HFMA2(\.MMA)?\.BF16_V2", "powers bf16x2", "bf16x2"),
        row("add_bf16x2", r"(HADD2|HFMA2(\.MMA)?)\.BF16_V2", "summands bf16x2", "bf16x2"),
        row("mul_bf16x2", r"(HMUL2|HFMA2(\.MMA)?)\.BF16_V2", "factors bf16x2", "bf16x2"),
        row("min_max_bf16x2", {80: ((r"HMNMX2\.BF16_V2", 2),)}, "summands bf16x2", "compare", **_TWO),
        row("min_max_f16x2", {80: ((r"HMNMX2", 2),)}, "summands f16x2", "compare", **_TWO),
        # 64-bit floating point
        row("add_f64", r"DADD", "summands f64", "f64", cycles=8),
        row("mul_f64", r"DMUL", "factors f64", "f64", cycles=8),
        row("fma_f64", r"DFMA", "powers f64", "f64", cycles=8),
        row(
            "setp_selp_f64",
            {80: ((r"DSETP\.GT\.AND", 1), ("FSEL", 2))},
            "summands f64",
            "compare",
            per_step=2,
            steps=64,
            machine=3,
            cycles=8,
        ),
        # division and roots; IEEE ones have a way out for operands near the ends of the range, which is left aside
        row(
            "div_approx_f32",
            _two(r"MUFU\.RCP", r"FMUL\.FTZ"),
            "divided f32",
            "special",
            cycles=28,
            tolerance=1e-3,
            **_EXPANDS,
        ),
        row("div_full_f32", r"MUFU\.RCP", "divided f32", "special", steps=40, machine=5, cycles=45, tolerance=1e-3),
        _ieee("div_rn_f32", r"MUFU\.RCP", ("FFMA", 5), machine=10, cycles=60),
        _ieee("rcp_rn_f32", r"MUFU\.RCP", ("FFMA", 2), machine=10, cycles=78),
        _ieee("sqrt_rn_f32", r"MUFU\.RSQ", ("FFMA", 2), machine=10, cycles=57),
        _ieee("div_rn_f64", r"MUFU\.RCP64H", ("DFMA", 7), machine=16, cycles=125),
        _ieee("rcp_rn_f64", r"MUFU\.RCP64H", ("DFMA", 5), machine=11, cycles=90),
        _ieee("sqrt_rn_f64", r"MUFU\.RSQ64H", ("DFMA", 5), machine=18, cycles=93),
        # the special function unit
        row(
            "rcp_tanh_f32",
            _two(r"MUFU\.RCP", r"MUFU\.TANH"),
            "divided f32",
            "special",
            **_TWO,
            cycles=22,
            tolerance=1e-2,
        ),
        row("rsqrt_f32", r"MUFU\.RSQ", "divided f32", "special", cycles=22, tolerance=1e-5),
        row("sqrt_f32", r"MUFU\.SQRT", "divided f32", "special", cycles=22, tolerance=1e-5),
        row("ex2_f32", r"MUFU\.EX2", "divided f32", "special", cycles=22, tolerance=1e-5),
        row(
            "lg2_ex2_f32", _two(r"MUFU\.LG2", r"MUFU\.EX2"), "divided f32", "special", **_TWO, cycles=22, tolerance=1e-2
        ),
        row(
            "sin_f32", _two(r"MUFU\.SIN", r"FMUL\.RZ"), "divided f32", "special", cycles=28, tolerance=1e-2, **_EXPANDS
        ),
        row(
            "cos_f32", _two(r"MUFU\.COS", r"FMUL\.RZ"), "divided f32", "special", cycles=28, tolerance=1e-4, **_EXPANDS
        ),
        # of a small number nearly the number: what is left of a chain hangs on the last bit, rcp_tanh checks the value
        row("tanh_f32", r"MUFU\.TANH", "divided f32", "special", cycles=22, tolerance=3),
        row(
            "tanh_f16x2",
            {80: ((r"MUFU\.TANH\.F16", 2),)},
            "divided f16x2",
            "special",
            uses=2,
            cycles=30,
            tolerance=3,
            **_EXPANDS,
        ),
        row(
            "ex2_f16x2",
            {80: ((r"MUFU\.EX2\.F16", 2),)},
            "divided f16x2",
            "special",
            uses=2,
            cycles=17,
            tolerance=1e-2,
            **_EXPANDS,
        ),
        # integers: the assembler joins two sums to one of three inputs, and makes two instructions of 64 bits
        row("add_s32", r"IADD3", "bits u32", "integer", per_step=2, uses=0.5, cycles=3),
        row("mad_s32", r"IMAD", "bits u32", "multiply", cycles=4),
        row("mad_hi_u32", r"IMAD\.HI\.U32", "bits u32", "multiply", steps=112, cycles=5),
        row("mul_wide_u32", r"IMAD\.WIDE\.U32", "bits u64", "multiply", cycles=10, **_EXPANDS),
        row("add_s64", {80: ((r"IADD3\.X", 1),), 120: ((r"IADD\.64", 2),)}, "bits u64", "integer", **_TWO),
        row("mad_s64", r"IMAD\.WIDE\.U32", "bits u64", "multiply", steps=48, machine=4, uses=3, cycles=16),
        row("div_u32", r"MUFU\.RCP", "bits u32", "special", steps=12, machine=18, cycles=110),
        row("div_s32", r"MUFU\.RCP", "bits u32", "special", steps=8, machine=24, cycles=140),
        row("rem_u32", r"MUFU\.RCP", "bits u32", "special", steps=8, machine=18, cycles=130),
        row("rem_s32", r"MUFU\.RCP", "bits u32", "special", steps=8, machine=21, cycles=140),
        row("div_u64", r"MUFU\.RCP", "bits u64", "special", steps=8, machine=_U64, calls="within", cycles=400),
        row("dp4a", r"IDP\.4A\.S8\.S8", "bits u32", None, cycles=5),
        row("min_max_s32", _MIN_MAX, "bits u32", "compare", **_TWO),
        row(
            "sad_s32", {80: ((r"VABSDIFF", 1),), 120: ((r"VIMNMX\.S32", 2),)}, "bits u32", None, machine={80: 1, 120: 3}
        ),
        # bits
        row("lop3", r"LOP3\.LUT", "bits u32", "logic"),
        row("shl_b32", r"SHF\.L\.U32", "shifts", "shift"),
        row("shf_l_wrap", r"SHF\.L\.W\.U32\.HI", "bits u32", "shift"),
        row("shf_r_clamp", r"SHF\.R\.U32", "masks", "shift"),
        row("shr_s32", r"SHF\.R\.S32\.HI", "shifts", "shift"),
        row("shl_b64", _two(r"SHF\.L\.U32", r"SHF\.L\.U64\.HI"), "shifts64", "shift", uses=2, **_EXPANDS),
        row("prmt", r"PRMT", "bits u32", None),
        row("popc", r"POPC", "bits u32", "count", cycles=12),
        row("brev", r"BREV", "bits u32", "count", cycles=12),
        row("flo", r"FLO\.U32", "bits u32", "count", cycles=12),
        row("clz", r"FLO\.U32", "bits u32", "count", cycles=16, **_EXPANDS),
        row("setp_selp_s32", r"ISETP\.GT\.AND", "bits u32", "compare", **_TWO),
        row("plop3", {80: ((r"PLOP3\.LUT", 28),)}, "bits u32", None, per_step=28, steps=4, machine=34, cycles=5),
        # conversions: to values of as many bits, or there and back
        row("cvt_s32_f32", r"I2FP\.F32\.S32|I2F", "bits u32", "convert"),
        row("cvt_f32_s32", r"F2I\.TRUNC\.NTZ", "whole f32bits", "convert", cycles=12),
        row("cvt_s8_f32", r"I2F\.S8", "bits u32", "convert_small", cycles=12),
        row("cvt_f32_f16x2", r"F2FP(\.F16\.F32)?\.PACK_AB", "summands f32", "convert"),
        row("cvt_f32_bf16x2", r"F2FP\.BF16(\.F32)?\.PACK_AB", "summands f32", "convert"),
        row("cvt_f16_f32", r"HADD2\.F32", "divided f32", None),
        row("cvt_f32_tf32", r"FSETP\.GEU\.AND", "whole f32bits", None, steps=64, machine=3, cycles=12),
        row("cvt_u32_f32", r"I2FP\.F32\.U32|I2F\.U32", "bits u32", "convert"),
        row("cvt_f32_u32", r"F2I\.U32\.TRUNC\.NTZ", "whole f32bits", "convert", cycles=12),
        row("cvt_s32_f16_s32", _two(r"I2F\.F16", r"F2I\.F16\.TRUNC\.NTZ"), "counts", "convert", **_TWO, cycles=17),
        row(
            "cvt_bf16_f32_bf16",  # widening is a shift, which sm_90 does by a multiplication
            {80: (("PRMT", 1), (_NARROW, 1)), 90: ((r"IMAD\.U32|SHF\.L\.U32", 1), (_NARROW, 1))},
            "summands bf16x2",
            "convert",
            uses=0.5,
            **_TWO,
        ),
        row(
            "cvt_f16_bf16_f16",
            {80: ((r"HADD2\.F32", 1), (_NARROW, 1)), 90: ((r"F2F\.BF16\.F16", 1), (r"F2F\.F16\.BF16", 1))},
            "summands f16x2",
            "convert",
            **_BY_F32,
            cycles=17,
        ),
        row(
            "cvt_s32_bf16_s32",
            {
                80: ((r"I2FP\.F32\.S32|I2F", 1), (r"F2I\.TRUNC\.NTZ", 1)),
                90: ((r"I2F\.BF16", 1), (r"F2I\.BF16\.TRUNC\.NTZ", 1)),
            },
            "counts",
            "convert",
            **_BY_F32,
            cycles=17,
        ),
        row("rint_f32", r"FRND", "whole f32", "convert", cycles=12),
        row("cvt_s64_f64", r"I2F\.F64\.S64", "whole s64", "convert64", cycles=20),
        row("cvt_f64_s64", r"F2I\.S64\.F64\.TRUNC", "whole f64bits", "convert64", cycles=20),
        row(
            "cvt_f64_f32_f64", _two(r"F2F\.F32\.F64", r"F2F\.F64\.F32"), "summands f64", "convert64", **_TWO, cycles=20
        ),
        row("cvt_f64_s32_f64", _two(r"F2I\.F64\.TRUNC", r"I2F\.F64"), "whole f64", "convert64", **_TWO, cycles=20),
        row("cvt_s64_f32_s64", _two(r"I2F\.S64", r"F2I\.S64\.TRUNC"), "whole s64", "convert64", **_TWO, cycles=20),
        # the warp as one
        row("shfl_idx", r"SHFL\.IDX", "lanes", "shuffle", cycles=24),
        row("shfl_bfly", r"SHFL\.BFLY", "masks", "shuffle", cycles=24),
        row("shfl_up", r"SHFL\.UP", "masks", "shuffle", cycles=24),
        row("shfl_down", r"SHFL\.DOWN", "masks", "shuffle", cycles=24),
        row("vote_ballot", _two(r"VOTE\.ANY", r"ISETP\.GT\.U32\.AND"), "bits u32", "vote", cycles=20, **_EXPANDS),
        row("vote_any", _voted(r"VOTE\.ANY"), "bits u32", "vote", steps=64, machine=3, cycles=25),
        row("vote_all", _voted(r"VOTE\.ALL"), "bits u32", "vote", steps=64, machine=3, cycles=25),
        row("vote_uni", _voted(r"VOTE\.EQ"), "bits u32", "vote", steps=64, machine=3, cycles=25),
        row("match_any_b64", r"MATCH\.ANY\.U64", "alike64 4", None, steps=64, machine=3, cycles=70),
        row("match_any", r"MATCH\.ANY", "alike 4", None, steps=64, machine=2, cycles=60),
        row("match_all", r"MATCH\.ALL", "alike 1", None, steps=64, machine=2, cycles=30),
        row("redux_add", r"REDUX\.SUM\.S32", "bits u32", "reduce", steps=64, machine=3, cycles=40),
        row("redux_max", r"C?REDUX\.MAX\.S32", "bits u32", "reduce", steps=64, machine=3, cycles=40),
        row("redux_min", r"C?REDUX\.MIN\.S32", "bits u32", "reduce", steps=64, machine=3, cycles=40),
        row("redux_max_u32", r"C?REDUX\.MAX", "bits u32", "reduce", steps=64, machine=3, cycles=40),
        row("redux_and", r"REDUX", "bits u32", "reduce", steps=64, machine=3, cycles=40),
        row("redux_or", r"REDUX\.OR", "bits u32", "reduce", steps=64, machine=3, cycles=40),
        row("redux_xor", r"REDUX\.XOR", "bits u32", "reduce", steps=64, machine=3, cycles=40),
    )
}
