"""Matrix instructions of one warp, mma.sync and mma.sp: what one takes, how many an SM does, by type and shape."""

import math
import statistics

from gridstone import Limit, Need, compute_capability, content, cycles, loop, per_clock, probe, rate, values

_ceilings = content.load_module(content.folder("runners") / "mma_ceilings.py")
_shapes = content.load_module(content.folder("runners") / "mma_shapes.py")
Shape, FLOATS, INTEGERS = _shapes.Shape, _shapes.FLOATS, _shapes.INTEGERS
machine_code = _shapes.machine_code

UNROLL = 16  # products of an accumulator per iteration of kernels_cuda/mma/sync.cu, at most


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


def _unroll(axes):
    """As the kernel has it: many accumulators of FP8, which some targets unpack in software, make a long loop."""
    return UNROLL // 2 if axes["a_type"] in ("e4m3", "e5m2") and axes.get("ilp", 1) > 4 else UNROLL


def _demands(major, count):
    """Contracts on the opcodes of a generation; the axes decide which there are, and the others demand nothing."""

    def of(index):
        def found(axes):
            code = machine_code(_shape(axes), major) or []
            return code[index] if index < len(code) else ("none", 0)

        return loop(
            lambda axes: found(axes)[0],
            count=lambda axes: _unroll(axes) * axes.get("ilp", 1) * found(axes)[1],
            clocked=not index,
            calls=lambda axes: "within" if _shapes.by_call(_shape(axes), major) else "none",
        )

    return [of(index) for index in range(count)]


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
    generation = _generation(capability)
    native = len(machine_code(shape, generation) or []) == 1 and not _shapes.by_call(shape, generation)
    slower = 1 if native else 12
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
_NEEDS = [Need(name="the instruction", missing=_lacking)]


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


def _filled(shapes, quick, unit):
    """The declaration of a throughput, in `unit`."""
    return {
        **_axes(shapes, quick),
        "warps": values([4, 8, 16], quick=[16], full=[1, 2, 4, 8, 12, 16]),
        "ilp": values([1, 2, 4, 8], quick=[4]),
        "together": {_TOGETHER: sorted(shapes)},
        "knobs": [*_TOGETHER, "ilp"],
        "measures": [per_clock(unit=f"{unit}/cycle"), rate(unit=f"{unit}/s")],
        "limit": {"throughput": _limit_per_sm, "rate": _limit_rate},
        "sass": _SASS,
        "needs": _NEEDS,
        "where": _point,
        "budget": 0.5,
    }


@probe("mma/sync.cu", **_filled(FLOATS, _QUICK_FLOATS, "flop"))
def throughput(gpu, *, warps, ilp, **axes):
    """Floating-point operations per SM and clock, over warps and independent accumulators of each."""
    return fill(gpu, Shape(**axes), warps=warps, ilp=ilp)


@probe("mma/sync.cu", **_filled(INTEGERS, _QUICK_INTEGERS, "op"))
def throughput_integer(gpu, *, warps, ilp, **axes):
    """Integer operations per SM and clock, over warps and independent accumulators of each."""
    return fill(gpu, Shape(**axes), warps=warps, ilp=ilp)
