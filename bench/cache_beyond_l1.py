"""L2 and translation discovered: the curves that show capacity, halves, slices, what persists, and reach."""

from gridstone import content, cycles, gpu_memory, observed, probe, values

_cells = content.load_module(content.folder("runners") / "cache_cells.py")
_KIB, _MIB = _cells.KIB, _cells.MIB
_WITHIN = 0.4  # cycles: half of the interval that a cell is visited for, so that it ends within 0.5


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


_SHARES = [
    observed(name="hit_share", unit="1", better="higher", within=0.02),
    observed(name="near_share", unit="1", better="higher"),
]


@probe(
    "cache/residency.cu",
    family="cache",
    footprint=values(
        _cells.L2_FOOTPRINTS,
        quick=_cells.L2_FOOTPRINTS_QUICK,
        open=True,
        unit="B",
        low=_MIB,
        multiple=_MIB,
    ),
    pattern=["one", "all"],
    measures=_SHARES,
    sass={"sm_80+": _cells.EACH_L2},
    needs=[gpu_memory(lambda axes: axes["footprint"] + (64 << 20))],
    budget=0.5,  # where only a part is kept, another part is in every visit
)
def l2_capacity(gpu, *, footprint, pattern):
    """Share of single loads that hit L2 after one SM, or all of them, read `footprint` bytes over and over."""
    return _runner("l2_halves").capacity(gpu, footprint=footprint, pattern=pattern)


@probe(
    "cache/residency.cu",
    family="cache",
    footprint=values(
        [_MIB * k for k in (1, 4, 8, 16, 24, 32, 48)], quick=[8 * _MIB], open=True, unit="B", low=_MIB, multiple=_MIB
    ),
    form=["normal", "persisting"],
    measures=_SHARES,
    sass={"sm_80+": _cells.EACH_L2},
    needs=[gpu_memory(lambda axes: axes["footprint"] + (512 << 20))],
)
def persistence(gpu, *, footprint, form):
    """Share of single loads that hit L2 after twice its size was read past `footprint` bytes that may persist."""
    return _runner("l2_halves").persistence(gpu, footprint=footprint, form=form)


@probe(
    "latency/l2_lines.cu",
    family="cache",
    offset=values(
        [32, 64, 96, 128, 192, 224, 256, 512, 1024, 2048, 4096, 8192, 16384], quick=[128, 512, 4096], unit="B"
    ),
    measures=[
        observed(name="same_share", unit="1", better="higher", within=0.05),
        observed(name="same_share_by_chance", unit="1", better="higher"),
    ],
    sass={"sm_80+": _cells.L2},
)
def l2_interleave(gpu, *, offset):
    """Share of addresses that hit L2 after as many cycles as those `offset` bytes on: in one slice, or by chance."""
    return _runner("l2_slices").interleave(gpu, offset=offset)


@probe(
    "latency/l2_lines.cu",
    family="cache",
    count=values([256], quick=[128], full=[512]),
    measures=[
        observed(name="groups", unit="1", better="higher", within=1.0),
        observed(name="alike_share", unit="1", better="higher"),
        observed(name="alike_share_by_chance", unit="1", better="lower"),
    ],
    sass={"sm_80+": _cells.L2},
    budget=5.0,
)
def l2_slices(gpu, *, count):
    """Lines of L2 that six SMs reach after the same six latencies, taken to lie in one slice."""
    return _runner("l2_slices").slices(gpu, count=count)


# Translation


@probe(
    "cache/chase.cu",
    family="cache",
    stride=values([2 * _MIB, 16 * _MIB], quick=[2 * _MIB], full=[64 * _KIB, 2 * _MIB, 16 * _MIB, 64 * _MIB]),
    count=values(_cells.PAGES, quick=[16, 64, 256, 1024, 4096]),
    tier=["l2"],
    knobs=["tier"],
    measures=cycles(per="hop", within=_WITHIN),
    where=lambda stride, count, **_: count * stride <= 16 << 30,
    needs=[gpu_memory(lambda axes: axes["count"] * axes["stride"] + (1 << 30))],
    sass={"sm_80+": _cells.L2},
)
def tlb(gpu, *, stride, count, tier):
    """Latency past L1 over the number of pages, a load in each in turn: few translations or many, always many lines."""
    walks = _runner("cupy_walks")
    pages = walks.Pages(gpu, count=count, stride=stride, least=2048)
    return walks.chase(gpu, pages, warm=pages.count, lengths=(64, 64 + 2048))
