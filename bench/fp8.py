"""FP8: what converting to and from it costs, and how precisely tensor cores add up its products."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np

from gridstone import compute_capability, constant, content, cycles, loop, observed, per_clock, probe, values

_RUNNERS = Path(__file__).parent.parent / "runners"
_warpgroup = content.load_module(_RUNNERS / "warpgroup.py")
_formats = _warpgroup.formats

_UNPACK, _PACK = "F2FP.F16.{}.UNPACK_B", "F2FP.SATFINITE.{}.F32.PACK_AB_MERGE_C"
_WIDEN = "HADD2.F32"
# from and to: the machine instructions that one pair takes; there and back through f16 where the result is FP8
_STEPS = {
    "{}_f16": {_UNPACK: 1},
    "{}_f32": {_UNPACK: 1, _WIDEN: 2},
    "{}_bf16": {_UNPACK: 1, _WIDEN: 2, "F2FP.BF16.F32.PACK_AB": 1},
    "f16_{}_f16": {"F2FP.SATFINITE.{}.F16.UNPACK_B_MERGE_C": 1, _UNPACK: 1},
    "f32_{}_f16": {_PACK: 1, _UNPACK: 1},
    "bf16_{}_f16": {_PACK: 1, _UNPACK: 1},
}
CONVERSIONS = {
    name.format(fp8): {opcode.format(fp8.upper()): count for opcode, count in steps.items()}
    for fp8 in ("e4m3", "e5m2")
    for name, steps in _STEPS.items()
}
_ISSUE = "four schedulers that issue an instruction for 32 threads per clock"
_ADA = [compute_capability(8.9)]
# Conversions per iteration in kernels_cuda/fp8/latency.cu and throughput.cu, by target
_CHAIN, _BODY = {"sm_89": 32, "sm_90+": 224}, {"sm_89": 32, "sm_90+": 128}
_LENGTHS = (224, 1120)
_EACH = 1 << 17  # conversions of the threads of an SM that are the same lane: some 40 us
_NO_TABLE = 0


@functools.cache
def _sums():
    return content.load_module(_RUNNERS / "accumulation.py")


def _contracts(by_target):
    """One demand per kind of instruction, for so many conversions an iteration."""

    def demand(place, times):
        def nth(axes):
            listed = list(CONVERSIONS[axes["function"]].items())
            return listed[place] if place < len(listed) else listed[0]

        return loop(
            lambda axes: nth(axes)[0].replace(".", r"\."), count=lambda axes: nth(axes)[1] * times, clocked=True
        )

    return {target: [demand(place, times) for place in range(3)] for target, times in by_target.items()}


def _issue_limit(machine, axes, samples):
    """Pairs per clock and SM that can be issued at most."""
    return constant(128 / sum(CONVERSIONS[axes["function"]].values()), _ISSUE)(machine, axes, samples)


@functools.cache
def _table(function):
    """Inputs (pairs of words) and the codes that must come out: all of 8 and 16 bits, of f32 every upper half."""
    *first, last = function.split("_")
    source = first[0]
    bits, rng = _formats.BITS[source], np.random.default_rng(5)
    if bits == 8:
        codes = np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
    elif bits == 16:
        codes = np.arange(1 << 16, dtype=np.uint16)
        codes = np.stack([codes, rng.permutation(codes)], axis=1)
    else:
        codes = (np.arange(1 << 16, dtype=np.uint32)[:, None] << 16 | np.array([0, 1, 0xFFFF], np.uint32)).ravel()
        codes = np.stack([codes, rng.permutation(codes)], axis=1)
    codes = rng.permutation(codes)
    wanted = codes
    for before, after in zip([*first, last], [*first, last][1:], strict=False):
        wanted = _formats.encode(after, _formats.decode(before, wanted))
    return _in_words(codes), np.ascontiguousarray(wanted)


def _in_words(codes):
    """Pairs of codes as the kernels hold them: two words each."""
    words = np.zeros((len(codes), 2), np.uint32)
    packed = np.ascontiguousarray(codes)
    if packed.itemsize == 4:
        words[:] = packed
    else:
        words[:, 0] = packed.view(np.uint16 if packed.itemsize == 1 else np.uint32).ravel()
    return words


def _same(kind, found, wanted):
    """Whether the codes are equal; any NaN is as good as another."""
    if found.dtype != wanted.dtype or (found == wanted).all():
        return found.dtype == wanted.dtype
    odd = found != wanted
    return bool(
        np.isnan(_formats.decode(kind, found[odd])).all() and np.isnan(_formats.decode(kind, wanted[odd])).all()
    )


class _Table:
    """The table of a function on the GPU, where timed chains take their first values from too."""

    def __init__(self, gpu, function):
        self._gpu, self._kind = gpu, function.split("_")[-1]
        self._words, self._wanted = _table(function)
        self._from, self._to = gpu.alloc(self._words.nbytes), gpu.alloc(self._words.nbytes)
        self._from.set(self._words.view(np.uint8).ravel())
        self.args = [self._from, self._to, np.uint32(_NO_TABLE)]

    def verify(self):
        """Whether every entry converts as it must."""
        gpu, count = self._gpu, len(self._words)
        gpu.memset(self._to, 0xA5)
        args = [self._from, self._to, np.uint32(count), np.uint32(0), gpu.bench.slot(0)]
        gpu.enqueue(gpu.kernel, gpu.multiprocessors, 256, args)
        words = self._to.get().view(np.uint32).reshape(-1, 2)
        if self._kind != "f32":
            words = np.ascontiguousarray(words[:, 0]).view(np.uint16).reshape(-1, 2)
        return _same(self._kind, words, self._wanted)


@probe(
    "fp8/latency.cu",
    function=values(list(CONVERSIONS), quick=["e4m3_f16", "f16_e4m3_f16"]),
    knobs=["function"],
    measures=cycles(per="pair"),
    sass=_contracts(_CHAIN),
    needs=_ADA,
)
def convert_latency(gpu, *, function):
    """Cycles of one conversion of a pair that waits for the one before; to FP8: there and back through f16."""
    table = _Table(gpu, function)
    return gpu.chain(args=lambda _length: table.args, lengths=_LENGTHS, verify=table.verify)


@probe(
    "fp8/throughput.cu",
    function=values(list(CONVERSIONS), quick=["e4m3_f16", "f16_e4m3_f16"]),
    warps=values([32], full=[4, 8, 16, 32]),
    ilp=values([4], full=[1, 2, 4, 8]),
    knobs=["function", "ilp"],
    measures=per_clock(unit="pair/cycle"),
    limit=_issue_limit,
    sass=_contracts(_BODY),
    needs=_ADA,
)
def convert(gpu, *, function, warps, ilp):
    """Pairs converted per clock of an SM; to FP8: there and back through f16."""
    table, steps = _Table(gpu, function), _EACH // (warps * ilp)
    return gpu.fill(
        block=32 * warps,
        args=[*table.args, np.uint32(steps)],
        work=gpu.multiprocessors * 32 * warps * ilp * steps,
        verify=table.verify,
    )


_KINDS = {
    ("f16", "f16", "f32"): r"HGMMA\.64x8x16\.F32",
    ("f16", "f16", "f16"): r"HGMMA\.64x8x16\.F16",
    ("bf16", "bf16", "f32"): r"HGMMA\.64x8x16\.F32\.BF16",
    ("tf32", "tf32", "f32"): r"HGMMA\.64x8x8\.F32\.TF32",
    **{
        (a, a, acc): rf"QGMMA\.64x8x32\.{acc.upper()}\.{a.upper()}\.{a.upper()}"
        for a in ("e4m3", "e5m2")
        for acc in ("f32", "f16")
    },
}


@functools.cache
def _experiments(a_type, b_type):
    """Sums by name with the codes of their operands."""
    made = {
        "within": _sums().within(a_type),
        "across": _sums().across(a_type),
        "along": _sums().along(a_type),
        "random": _sums().random(a_type, b_type),
    }
    return {k: (one, _formats.encode(a_type, one.a), _formats.encode(b_type, one.b)) for k, one in made.items()}


@probe(
    "fp8/precision.cu",
    a_type=values(["e4m3", "e5m2", "f16", "bf16", "tf32"], quick=["e4m3", "f16"]),
    b_type=["e4m3", "e5m2", "f16", "bf16", "tf32"],
    acc_type=["f32", "f16"],
    tile_n=[8],
    knobs=["a_type", "b_type", "acc_type", "tile_n"],
    measures=[
        observed(name="bits_within", unit="bit", better="higher"),
        observed(name="bits_across", unit="bit", better="higher"),
        observed(name="bits_along", unit="bit", better="higher"),
        observed(name="bits_random", unit="bit", better="higher"),
    ],
    sass={"sm_90": loop(lambda axes: _KINDS[axes["a_type"], axes["b_type"], axes["acc_type"]], count=4)},
    needs=[compute_capability(9.0, exactly=True)],
    where=lambda a_type, b_type, acc_type, tile_n: (a_type, b_type, acc_type) in _KINDS,
)
def precision(gpu, *, a_type, b_type, acc_type, tile_n):
    """Binary places below the largest term that wgmma keeps in one instruction, from one to the next, along K."""
    shape = _warpgroup.Shape(a_type=a_type, b_type=b_type, acc_type=acc_type, n=tile_n)
    sums, out = {}, gpu.alloc(4 * shape.words_out)
    for name, (given, a, b) in _experiments(a_type, b_type).items():
        memory = [gpu.alloc(codes.nbytes) for codes in (a, b)]
        for place, codes in zip(memory, (a, b), strict=True):
            place.set(codes.view(np.uint8).ravel())
        sums[name] = (given, [*memory, out, np.uint32(len(a))])
    gpu.allow(gpu.kernel, shape.shared)
    coarse = []

    def added(name):
        given, args = sums[name]
        gpu.memset(out, 0xFF)
        gpu.enqueue(gpu.kernel, 1, 128, args, shape.shared)
        found = _warpgroup.accumulators(shape, out.get())[0, 0]
        if name in ("within", "across"):
            near = (_sums().PLACES > 0) & (_sums().PLACES < 6)
            coarse.append(bool((found == _sums().exact(given))[near].all()))
        return found

    def observe():
        found = {name: added(name) for name in sums}
        bits = {
            f"bits_{name}": float(_sums().bits_of_small(found[name], sums[name][0]))
            for name in sums
            if name != "random"
        }
        return bits | {"bits_random": _sums().bits_of_random(found["random"], sums["random"][0])}

    return replace(gpu.observe(observe), verify=lambda: all(coarse))
