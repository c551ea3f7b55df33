"""Warpgroup matrix instructions of Hopper: how long one takes, how soon the next may follow, how much an SM gives."""

from pathlib import Path

from gridstone import compute_capability, content, cycles, loop, per_clock, probe, rate, values

_tiles = content.load_module(Path(__file__).parent.parent / "runners" / "warpgroup_tiles.py")
_kinds = content.load_module(Path(__file__).parent.parent / "runners" / "warpgroup_kinds.py")
TYPES, offered, opcode = _kinds.TYPES, _kinds.offered, _kinds.opcode

_A = ["f16", "bf16", "tf32", "e4m3", "e5m2", "s8", "u8", "b1"]
_ACC = ["f32", "f16", "s32"]
_N = tuple(range(8, 257, 8))
_COARSE = {8, 64, 128, 256}
# Types whose N is swept in steps of 8: one of each rate, format and accumulator
_SWEPT = {
    ("f16", "f16", "f32"),
    ("f16", "f16", "f16"),
    ("bf16", "bf16", "f32"),
    ("tf32", "tf32", "f32"),
    ("e4m3", "e4m3", "f32"),
    ("e4m3", "e4m3", "f16"),
    ("e5m2", "e5m2", "f32"),
    ("s8", "s8", "s32"),
    ("b1", "b1", "s32"),
}
_FEW = {("f16", "f16", "f32"), ("tf32", "tf32", "f32"), ("e4m3", "e4m3", "f32"), ("s8", "s8", "s32")}
_FEW_A = ["f16", "tf32", "e4m3", "s8"]
_HOPPER = [compute_capability(9.0, exactly=True)]
_KNOBS = ["a_type", "b_type", "acc_type", "tile_n", "source", "sparse"]
_INTERVAL = cycles(per="instruction", name="issue_interval")
_THROUGHPUT = [per_clock(unit="flop/cycle"), rate(unit="flop/s")]
_LENGTHS = (64, 2112)  # the ends of a chain are some 50 cycles uncertain


def _sass():
    return {"sm_90": loop(opcode, count=_tiles.UNROLL, clocked=True)}


_KINDS_TOGETHER = {("a_type", "b_type", "acc_type"): list(TYPES)}
_LIMITS = {"throughput": _kinds.at_most_per_clock, "rate": _kinds.at_most_per_second}


def _latency_cells(a_type, b_type, acc_type, tile_n, source, sparse):
    kind = (a_type, b_type, acc_type)
    if not offered(kind, tile_n, sparse):
        return False
    if source == "ss" and not sparse:
        return True
    return tile_n in (64, 256) and kind in (_FEW if source == "rs" and not sparse else _SWEPT if source == "ss" else ())


@probe(
    "wgmma/latency.cu",
    a_type=values(_A, quick=["f16", "e4m3"]),
    b_type=_A,
    acc_type=values(_ACC, quick=["f32"]),
    tile_n=values(sorted(_COARSE), quick=[256]),
    source=["ss", "rs"],
    sparse=[False, True],
    knobs=_KNOBS,
    measures=cycles(per="instruction"),
    sass=_sass(),
    needs=_HOPPER,
    together=_KINDS_TOGETHER,
    where=_latency_cells,
)
def latency(gpu, **axes):
    """Cycles from the issue of one instruction to its completion: issue, commit, wait, over and over."""
    return _tiles.chain(gpu, axes, (64, 1088))


def _interval_cells(a_type, b_type, acc_type, tile_n, source, sparse):
    kind = (a_type, b_type, acc_type)
    if not offered(kind, tile_n, sparse):
        return False
    if source == "ss" and not sparse:
        return kind in _SWEPT or tile_n in _COARSE
    both = sparse and source == "rs"
    return tile_n == 256 or (tile_n == 64 and not both)


@probe(
    "wgmma/interval.cu",
    a_type=values(_A, quick=["f16", "e4m3", "s8"]),
    b_type=_A,
    acc_type=values(_ACC, quick=["f32", "s32"]),
    tile_n=values(_N, quick=[64, 256]),
    source=values(["ss", "rs"], quick=["ss"]),
    sparse=values([False, True], quick=[False]),
    knobs=_KNOBS,
    measures=_INTERVAL,
    sass=_sass(),
    needs=_HOPPER,
    together=_KINDS_TOGETHER,
    where=_interval_cells,
)
def interval(gpu, **axes):
    """Cycles from one instruction to the next of a warpgroup that waits for none of them until the end."""
    return _tiles.chain(gpu, axes, _LENGTHS)


@probe(
    "wgmma/interval.cu",
    a_type=values(_FEW_A, quick=["f16"]),
    b_type=_FEW_A,
    acc_type=["f32", "s32"],
    tile_n=values([8, 16, 32, 64], quick=[8, 32]),
    ilp=[1, 4],
    knobs=["a_type", "b_type", "acc_type", "tile_n", "ilp"],
    measures=_INTERVAL,
    sass=_sass(),
    needs=_HOPPER,
    where=lambda a_type, b_type, acc_type, **_: (a_type, b_type, acc_type) in _FEW,
)
def accumulators(gpu, **axes):
    """The same for small instructions on one accumulator, and on `ilp` of them that take turns."""
    return _tiles.chain(gpu, axes, _LENGTHS)


def _layout_cells(a_type, b_type, acc_type, tile_n, source, sparse, swizzle):
    kind = (a_type, b_type, acc_type)
    return kind in _FEW and offered(kind, tile_n, sparse) and not (sparse and swizzle == 32)


@probe(
    "wgmma/interval.cu",
    a_type=values(_FEW_A, quick=["f16"]),
    b_type=_FEW_A,
    acc_type=["f32", "s32"],
    tile_n=values([256], full=[64, 256]),
    source=["ss"],
    sparse=[False, True],
    swizzle=[0, 32, 64, 128],
    knobs=[*_KNOBS, "swizzle"],
    measures=_INTERVAL,
    sass=_sass(),
    needs=_HOPPER,
    where=_layout_cells,
)
def layout(gpu, **axes):
    """The same by layout of the operands in shared memory: rows of 128, 64 or 32 bytes swizzled, or none."""
    return _tiles.chain(gpu, axes, _LENGTHS)


def _fits(acc_type, tile_n, warps):
    """Whether the registers of the accumulators and 40 more are there for every thread."""
    return tile_n // (4 if acc_type == "f16" else 2) + 40 <= min(255, 65536 // (32 * warps) // 8 * 8)


def _fill(gpu, axes, *, warps, operands):
    rounds = _tiles.rounds_for(250_000, axes["tile_n"], warps)
    return _tiles.fill(gpu, axes, warps=warps, operands=operands, rounds=rounds)


@probe(
    "wgmma/throughput.cu",
    a_type=values(_A, quick=["f16", "e4m3"]),
    b_type=_A,
    acc_type=values(_ACC, quick=["f32"]),
    tile_n=[256],
    sparse=[False, True],
    warps=[4],
    groups=[4],
    operands=["normal", "zeros"],
    knobs=["a_type", "b_type", "acc_type", "tile_n", "sparse", "warps", "groups"],
    measures=_THROUGHPUT,
    limit=_LIMITS,
    sass=_sass(),
    needs=_HOPPER,
    where=lambda a_type, b_type, acc_type, tile_n, sparse, operands, **_: (
        offered((a_type, b_type, acc_type), tile_n, sparse)
        and (operands == "normal" or ((a_type, b_type, acc_type) in _FEW and not sparse))
    ),
)
def throughput(gpu, *, warps, groups, operands, **axes):
    """Operations per clock of an SM with one warpgroup that keeps four instructions under way."""
    return _fill(gpu, axes, warps=warps, operands=operands)


@probe(
    "wgmma/throughput.cu",
    a_type=values(["f16", "e4m3"], quick=["f16"]),
    b_type=["f16", "e4m3"],
    acc_type=["f32"],
    tile_n=[256],
    source=["ss", "rs"],
    sparse=[False, True],
    warps=[4],
    groups=[4],
    operands=values(["normal", "zeros"], quick=["zeros"]),
    knobs=[*_KNOBS, "warps", "groups"],
    measures=_THROUGHPUT,
    limit=_LIMITS,
    sass=_sass(),
    needs=_HOPPER,
    where=lambda a_type, b_type, **_: a_type == b_type,
)
def source(gpu, *, warps, groups, operands, **axes):
    """The same with A from shared memory and from registers, dense and sparse."""
    return _fill(gpu, axes, warps=warps, operands=operands)


@probe(
    "wgmma/throughput.cu",
    a_type=["f16", "e4m3"],
    b_type=["f16", "e4m3"],
    acc_type=["f32"],
    tile_n=values([64, 128, 256], quick=[256]),
    warps=values([4, 8, 12, 16], quick=[4, 8]),
    groups=values([1, 2, 4], quick=[1, 4]),
    knobs=["a_type", "b_type", "acc_type", "tile_n", "warps", "groups"],
    measures=_THROUGHPUT,
    limit=_LIMITS,
    sass=_sass(),
    needs=_HOPPER,
    where=lambda a_type, b_type, acc_type, tile_n, warps, groups: a_type == b_type and _fits(acc_type, tile_n, warps),
)
def saturation(gpu, *, warps, groups, **axes):
    """The same by warps, and by groups of one instruction that each warpgroup keeps under way."""
    return _fill(gpu, axes, warps=warps, operands="normal")
