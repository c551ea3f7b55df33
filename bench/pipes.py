"""The pipes of an SM beside its tensor cores: what an instruction costs, how many go a clock, which run at once."""

from gridstone import content, per_clock, probe, values

_operations = content.load_module(content.folder("runners") / "operations.py")
_pairs = content.load_module(content.folder("runners") / "operation_pairs.py")
_dpx = content.load_module(content.folder("bench") / "dpx.py")
_table = content.load_module(content.folder("runners") / "pipe_operations.py")
OPERATIONS = _table.OPERATIONS
# Those whose throughput is swept over warps and chains; the others have a point short of saturation and one beyond.
_SWEPT = ("fma_f32", "fma_f16x2", "fma_f64", "mad_s32", "lop3", "ex2_f32", "shfl_bfly")
_CORNERS = ((4, 4), (32, 4))
_ONE_CHAIN = {"plop3": ((4, 1), (32, 1))}  # more of them would not find predicates enough
_QUICK = ["fma_f32", "fma_f64", "mad_s32", "lop3", "ex2_f32", "cvt_f32_s32", "shfl_bfly"]


def _swept(function, warps, ilp):
    return function in _SWEPT or (warps, ilp) in _ONE_CHAIN.get(function, _CORNERS)


@probe("pipes/latency.cu", **_operations.chained(OPERATIONS, _QUICK))
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
    limit=_operations.limit_of(OPERATIONS),
    sass=_operations.demands(OPERATIONS),
    where=_swept,
)
def throughput(gpu, *, function, warps, ilp):
    """Operations per SM and clock by warps, and by independent chains in each thread."""
    return _operations.fill(gpu, OPERATIONS[function], warps=warps, ilp=ilp)


_MMA = _table.row("mma_f16", r"HMMA\.1688\.F16", "ternary", "tensor", cycles=18)
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
