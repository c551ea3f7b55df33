"""Matrix instructions of one warp, mma.sync and mma.sp: what one takes, how many an SM does, by type and shape.

A new type is a line of `_FLOATS` or `_INTEGERS`, and its bits in runners/mma_formats.py and mma.cuh.
"""

import math
import statistics
from typing import NamedTuple

from gridstone import Limit, Need, compute_capability, content, cycles, loop, per_clock, probe, rate, values

_ceilings = content.load_module(content.folder("runners") / "mma_ceilings.py")

UNROLL = 16  # of kernels_cuda/mma/sync.cu


class Shape(NamedTuple):
    """D of `acc_type`, m x n, += A of `a_type`, m x k (half of it, if sparse) x B of `b_type`, k x n."""

    a_type: str
    b_type: str
    acc_type: str
    m: int
    k: int
    sparse: bool = False
    function: str = "mul"

    @property
    def n(self):
        return 8

    @property
    def bits(self):
        """Of an element of A."""
        return {"f16": 16, "bf16": 16, "tf32": 32, "f64": 64, "s4": 4, "u4": 4, "b1": 1}.get(self.a_type, 8)

    @property
    def digits(self):
        """As machine code spells it: 16816."""
        return f"{self.m}{self.n}{self.k}"


def _pairs(*types):
    return [(a, b) for a in types for b in types]


# (types of A and B, accumulators, dense (m, k), sparse k), as the PTX ISA lists them for sm_80 to sm_90.
_FLOATS = (
    (_pairs("f16"), ("f16", "f32"), ((8, 4), (16, 8), (16, 16)), (16, 32)),
    (_pairs("bf16"), ("f32",), ((16, 8), (16, 16)), (16, 32)),
    (_pairs("tf32"), ("f32",), ((16, 4), (16, 8)), (8, 16)),
    (_pairs("f64"), ("f64",), ((8, 4), (16, 4), (16, 8), (16, 16)), ()),
    (_pairs("e4m3", "e5m2"), ("f32",), ((16, 16), (16, 32)), (64,)),
    (_pairs("e4m3", "e5m2"), ("f16",), ((16, 16), (16, 32)), ()),
)
_INTEGERS = (
    (_pairs("s8", "u8"), "mul", ((8, 16), (16, 16), (16, 32)), (32, 64)),
    (_pairs("s4", "u4"), "mul", ((8, 32), (16, 32), (16, 64)), (64, 128)),
    (_pairs("b1"), "xor", ((8, 128), (16, 128), (16, 256)), ()),
    (_pairs("b1"), "and", ((8, 128), (16, 128), (16, 256)), ()),
)
FLOATS = frozenset(
    Shape(a, b, acc, m, k, sparse)
    for pairs, accumulators, dense, thin in _FLOATS
    for a, b in pairs
    for acc in accumulators
    for m, k, sparse in [*((m, k, False) for m, k in dense), *((16, k, True) for k in thin)]
)
INTEGERS = frozenset(
    Shape(a, b, "s32", m, k, sparse, function)
    for pairs, function, dense, thin in _INTEGERS
    for a, b in pairs
    for m, k, sparse in [*((m, k, False) for m, k in dense), *((16, k, True) for k in thin)]
)

# Those whose throughput is looked at over warps and accumulators; the others have one point that saturates.
_MAIN = {
    Shape("f16", "f16", "f32", 16, 16),
    Shape("f16", "f16", "f32", 16, 32, True),
    Shape("f64", "f64", "f64", 16, 8),
    Shape("e4m3", "e4m3", "f32", 16, 32),
    Shape("s8", "s8", "s32", 16, 32),
}


def _shape(axes):
    return Shape(*(axes[name] for name in Shape._fields))


def machine_code(shape, major):
    """(opcode, times per product) of the machine code that a generation makes of it: one, or those that stand in.

    None where the generation lacks the instruction, nothing where no claim is made of it. CALL: a subroutine of the
    assembler's own.
    """
    stem, digits, kind = f"{'SP.' if shape.sparse else ''}", shape.digits, shape.a_type
    acc = shape.acc_type.upper()
    a, b = shape.a_type.upper(), shape.b_type.upper()
    called = [(r"CALL\.REL\.NOINC", 1)]
    if kind == "f16" and shape.m == 8:
        return called
    if kind == "f64":
        if major in (80, 89):
            return [(r"DMMA\.884", 1)] if shape.m == 8 else None
        if major == 90:
            return [(rf"DMMA\.{shape.m}x8x{shape.k}", 1)]
        return [(r"DMMA\.8x8x4", shape.m * shape.k // 32)]
    if kind in ("f16", "bf16", "tf32"):
        return [(rf"HMMA\.{stem}{digits}\.{acc}{'' if kind == 'f16' else f'.{a}'}", 1)]
    if kind in ("e4m3", "e5m2"):
        if major == 80:
            return None
        if major in (89, 120):
            return [(rf"QMMA\.{stem}{digits}\.{acc}\.{a}\.{b}", 1)]
        if shape.sparse and major == 100:
            return []  # shuffles whose threads a subroutine gathers first: not one loop with one count
        half = 32 if shape.sparse else shape.k // 2
        words = {16: 6, 32: 12, 64: 16}[shape.k]
        last = ("FADD", 4) if acc == "F32" else (r"HADD2", 2)
        return [(rf"HMMA\.{stem}168{half}\.{acc}", 2), (r"F2FP\.F16\.E[45]M[32]\.UNPACK_B", words), last]
    if kind == "b1":
        native = major < 90 or (major == 90 and shape.function == "and")
        return [(rf"BMMA\.{digits}\.{shape.function.upper()}\.POPC", 1)] if native else called
    if kind in ("s4", "u4") and major >= 90:
        return called
    if shape.m == 8 and major >= 100:
        digits = f"16{shape.n}{shape.k}"
    return [(rf"IMMA\.{stem}{digits}\.{a}\.{b}", 1)]


def _demands(major, count):
    """Contracts on the opcodes of a generation; the axes decide which there are, and the others demand nothing."""

    def of(index):
        def found(axes):
            code = machine_code(_shape(axes), major) or []
            return code[index] if index < len(code) else ("none", 0)

        clocked = loop(lambda axes: found(axes)[0], count=lambda axes: _often(axes, found(axes)), clocked=True)
        called = loop(lambda axes: found(axes)[0], count=lambda axes: _often(axes, found(axes)))
        return lambda axes: (called if index or found(axes)[0].startswith("CALL") else clocked)(axes)

    return [of(index) for index in range(count)]


def _often(axes, code):
    return UNROLL * axes.get("ilp", 1) * code[1]


_GENERATIONS = {"sm_80-sm_88": 80, "sm_89": 89, "sm_90": 90, "sm_100-sm_119": 100, "sm_120+": 120}
_SASS = {target: _demands(major, 3) for target, major in _GENERATIONS.items()}


def _generation(capability):
    number = 10 * capability[0] + capability[1]
    return next(made for least, made in ((120, 120), (100, 100), (90, 90), (89, 89), (0, 80)) if number >= least)


def _lacking(machine, axes):
    shape = _shape(axes)
    least = 9.0 if shape.a_type == "f64" and shape.m == 16 else 8.9 if shape.a_type in ("e4m3", "e5m2") else 8.0
    return compute_capability(least).missing(machine, axes)


def _limit_per_sm(machine, axes, _samples):
    found = _ceilings.peak(_shape(axes), machine.gpu.compute_capability) if machine.gpu else None
    return found and Limit(value=float(found[0]), kind=f"{found[0]} per SM and clock ({found[1]})")


def _limit_rate(machine, axes, samples):
    hz = [v for v in samples.sm_hz.tolist() if math.isfinite(v)]
    per_sm = _limit_per_sm(machine, axes, samples)
    if per_sm is None or not hz:
        return None
    value = per_sm.value * machine.gpu.multiprocessors * statistics.median(hz)
    return Limit(value=value, kind=f"{per_sm.kind} at the measured clock")


def _work():
    return content.load_module(content.folder("runners") / "mma_work.py")


def saturating(shape):
    """(warps per SM, accumulators per warp) that keep the tensor cores busy and still have registers."""
    if shape.a_type in ("e4m3", "e5m2") and shape.sparse:
        return 8, 1  # unpacked and spread out in software, it takes 250 registers
    if shape.a_type == "f16" and shape.m == 8:
        return 16, 1  # a subroutine without a matrix instruction: more accumulators only make it longer
    return (8, 4) if shape.a_type == "f64" else (16, 4)


def _points(shape, warps, ilp):
    if shape in _MAIN:
        return warps * ilp <= (64 if shape.a_type == "f64" else 128)
    return (warps, ilp) == saturating(shape)


def fill(gpu, shape, *, warps, ilp, busy_cycles=200_000):
    """`shape` on all SMs for about so many cycles: a guess for what is emulated."""
    capability = gpu.facts.compute_capability
    ceiling = _ceilings.peak(shape, capability) or (1024, "")
    code = machine_code(shape, _generation(capability)) or []
    slower = 12 if len(code) != 1 or code[0][0].startswith("CALL") else 1
    each = max(24.0, warps * ilp * 2 * shape.m * shape.n * shape.k / ceiling[0] * slower)
    steps = max(UNROLL, round(busy_cycles / each / UNROLL) * UNROLL)
    return _work().fill(gpu, shape, warps=warps, ilp=ilp, steps=steps)


_TOGETHER = ("a_type", "b_type", "acc_type", "m", "k", "sparse", "function")


def _axes(shapes, quick):
    """The axes of some shapes, which vary together; the quick profile has those of the values named."""
    axes = {}
    for place, name in enumerate(_TOGETHER):
        found = sorted({shape[place] for shape in shapes}, key=lambda v: (isinstance(v, str), v))
        axes[name] = values(found, quick=[v for v in found if v in quick.get(name, found)])
    return axes


_QUICK_FLOATS = {"a_type": ["f16"], "acc_type": ["f32"], "m": [16], "k": [16, 32]}
_QUICK_INTEGERS = {"a_type": ["s8"], "b_type": ["s8"], "m": [16], "k": [32]}
_QUICK = {"a_type": ["f16", "s8"], "b_type": ["f16", "s8"], "acc_type": ["f32", "s32"], "m": [16], "k": [16, 32]}
_FILLED = {"warps": values([4, 8, 16], quick=[16], full=[1, 2, 4, 8, 12, 16]), "ilp": values([1, 2, 4, 8], quick=[4])}
_NEEDS = [Need(name="the instruction", missing=_lacking)]
_LIMITS = {"throughput": _limit_per_sm, "rate": _limit_rate}


def _point(*, warps, ilp, **axes):
    return _points(Shape(**axes), warps, ilp)


@probe(
    "mma/sync.cu",
    **_axes(FLOATS | INTEGERS, _QUICK),
    together={_TOGETHER: sorted(FLOATS | INTEGERS)},
    knobs=_TOGETHER,
    measures=cycles(per="instruction"),
    sass=_SASS,
    needs=_NEEDS,
)
def latency(gpu, **axes):
    """Cycles from one product to the next that adds to it."""
    return _work().chain(gpu, Shape(**axes))


@probe(
    "mma/sync.cu",
    **_axes(FLOATS, _QUICK_FLOATS),
    **_FILLED,
    together={_TOGETHER: sorted(FLOATS)},
    knobs=[*_TOGETHER, "ilp"],
    measures=[per_clock(unit="flop/cycle"), rate(unit="flop/s")],
    limit=_LIMITS,
    sass=_SASS,
    needs=_NEEDS,
    where=_point,
    budget=0.5,
)
def throughput(gpu, *, warps, ilp, **axes):
    """Floating-point operations per SM and clock, over warps and independent accumulators of each."""
    return fill(gpu, Shape(**axes), warps=warps, ilp=ilp)


@probe(
    "mma/sync.cu",
    **_axes(INTEGERS, _QUICK_INTEGERS),
    **_FILLED,
    together={_TOGETHER: sorted(INTEGERS)},
    knobs=[*_TOGETHER, "ilp"],
    measures=[per_clock(unit="op/cycle"), rate(unit="op/s")],
    limit=_LIMITS,
    sass=_SASS,
    needs=_NEEDS,
    where=_point,
    budget=0.5,
)
def throughput_integer(gpu, *, warps, ilp, **axes):
    """Integer operations per SM and clock, over warps and independent accumulators of each."""
    return fill(gpu, Shape(**axes), warps=warps, ilp=ilp)
