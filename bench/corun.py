"""What runs beside what: how much slower each of two or three kinds of work goes than alone."""

import functools

from gridstone import content, gpu_memory, loop, observed, probe, values
from gridstone import host_memory as needs_host_memory

_KINDS = ["tensor", "stream", "gemv", "gather", "small", "h2d", "d2h"]
_QUICK = ["tensor", "gather", "h2d"]
_ON_SMS = ("tensor", "stream", "gemv", "gather")
_TRIPLES = ("tensor+stream+h2d", "tensor+gather+d2h", "gemv+h2d+d2h", "tensor+gemv+gather")
_SASS = {
    "sm_80+": [
        loop(r"HMMA\.16816\.F32\.BF16", count=64),
        loop(r"LDSM\.16\.M88\.4", count=24),
        loop(r"LDG\.E\.128", count=4),
        loop(r"IDP\.4A\.S8\.S8", count=16),
    ]
}
_NEEDS = [gpu_memory(lambda axes: 6 << 30), needs_host_memory(lambda axes: 12 << 30)]
_SPLITS, _OF_FULL = (12, 25, 50, 75, 88), (6, 37, 63, 94)  # per cent of the SMs; the latter in the full profile alone


@functools.cache
def _runner():
    return content.load_module(content.folder("runners") / "corun.py")


def _pairs(kind, beside, split, method):
    """Each pair once, at half the SMs each, and at other splits too where it can matter.

    A pair of which one does not need the SMs is split otherwise in the full profile alone.
    """
    if _KINDS.index(kind) > _KINDS.index(beside):
        return False
    both = kind in _ON_SMS and beside in _ON_SMS and kind != beside
    if method == "exclusive":
        return split == 50 or both or (kind in _ON_SMS and kind != beside and split in _OF_FULL)
    if method == "green":
        return both and ((kind, beside) == ("tensor", "stream") or split in (50, *_OF_FULL))
    return both and split == 50


@probe(
    "corun/load.cu",
    kind=values(_KINDS, quick=_QUICK),
    beside=values(_KINDS, quick=_QUICK),
    split=values(_SPLITS, quick=[50], full=sorted((*_SPLITS, *_OF_FULL)), open=True, low=1, high=99),
    method=values(["exclusive", "free", "green"], quick=["exclusive"]),
    measures=[observed(name="slowdown", unit="1"), observed(name="slowdown_beside", unit="1")],
    sass=_SASS,
    needs=_NEEDS,
    where=_pairs,
    budget=1.0,
    fits="corun",
)
def pair(gpu, *, kind, beside, split, method):
    """Slowdown of a kind of work and of that beside it, each against itself alone in the same visit.

    split: the share of the SMs, in per cent, that the first has; the other has the rest. exclusive: by the number of
    blocks, one to an SM. free: every kernel has a block for each SM. green: by green contexts of the driver. tensor:
    mma.sync from shared memory. stream: reads of DRAM. gemv: int8 matrix times vector, read from DRAM. gather: rows of
    2 KiB in place from host memory. small: graphs of small kernels. h2d, d2h: copies of 2 MiB by a copy engine.
    """
    share = split / 100
    return _runner().beside(gpu, [kind, beside], [share, 1 - share], method)


@probe(
    "corun/load.cu",
    kinds=values(_TRIPLES, quick=_TRIPLES[:1]),
    measures=[
        observed(name="slowdown", unit="1"),
        observed(name="slowdown_beside", unit="1"),
        observed(name="slowdown_third", unit="1"),
    ],
    sass=_SASS,
    needs=_NEEDS,
    budget=1.0,
)
def triple(gpu, *, kinds):
    """Three kinds at once, in the order of their names; those on the SMs have equal shares, one block to an SM."""
    names = kinds.split("+")
    on_sms = sum(name in _ON_SMS for name in names)
    shares = [1 / on_sms if name in _ON_SMS else 0.0 for name in names]
    return _runner().beside(gpu, names, shares, "exclusive")
