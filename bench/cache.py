"""Caches discovered: the curves that show capacity, line, sector and ways of L1 and constant memory.

What a curve says of a cache (where it breaks, and how sure that is) is worked out from the rows by
`gridstone.changepoint`; here each point of it is measured.
"""

from gridstone import content, cycles, gpu_memory, observed, pow2, probe, values

_cells = content.load_module(content.folder("runners") / "cache_cells.py")
_KIB = _cells.KIB
_WITHIN = 0.4  # cycles: half of the interval that a cell is visited for, so that it ends within 0.5


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


def _chase(gpu, count, stride, *, warm, lengths, block=1):
    """Rings of `count` places, `stride` bytes apart, each walked by an SM of its own."""
    walks = _runner("cupy_walks")
    rings = walks.Rings(gpu, count=count, stride=stride, walkers=walks.walkers(gpu, count * stride))
    return walks.chase(gpu, rings, warm=warm, lengths=lengths, block=block)


@probe(
    None,
    source=["driver"],
    measures=[
        observed(name=name, unit="B", better="higher")
        for name in ("l2_size", "shared_size", "persisting_size", "window_size", "constant_size")
    ],
)
def reported(gpu, *, source):
    """What the driver says of the caches: L2, shared memory of an SM, how much of L2 may persist, constant memory."""
    return _runner("cupy_cache").reported(gpu)


# L1


@probe(
    "cache/chase.cu",
    footprint=values(
        _cells.L1_FOOTPRINTS,
        quick=_cells.L1_FOOTPRINTS_QUICK,
        full=range(8 * _KIB, 288 * _KIB + 1, 2 * _KIB),
        open=True,
        unit="B",
        low=2 * _KIB,
        multiple=2 * _KIB,
    ),
    carveout=values([0, 50, 100], quick=[0, 100], full=[0, 12, 25, 50, 75, 100], open=True, low=0, high=100),
    threads=values([1024], open=True, low=1, high=1024),
    tier=["l1"],
    knobs=["tier"],
    measures=[
        cycles(per="hop", within=0.45),
        observed(name="latency_median", unit="cycle/hop", within=0.45),
    ],
    needs=[gpu_memory(lambda axes: 2 * axes["footprint"] + (64 << 20))],
    where=lambda footprint, carveout, **_: carveout < 50 or footprint <= 200 * _KIB,  # all miss beyond
    budget=3.0,  # where L1 is about full, rings miss a lot or little by where they lie
    sass={"sm_80+": _cells.L1},
)
def l1_capacity(gpu, *, footprint, carveout, threads, tier):
    """Latency over the footprint while shared memory may keep `carveout` per cent of its most for itself.

    Most rings miss nothing until L1 is full, some that lie badly do: the median over them is of the former.
    """
    # Each block keeps 1 KiB of shared memory, and the driver may set aside what all blocks that an SM can hold would
    # keep: of blocks of 1024 threads that is two, of those of one warp 32. One thread walks, the others leave.
    _runner("cupy_cache").divide(gpu, carveout)
    count = footprint // 128
    return _chase(gpu, count, 128, warm=count, lengths=(64, 64 + count), block=threads)


@probe(
    "cache/chase.cu",
    stride=values([32, 64, 96, 160, 192, 288], quick=[32, 160], full=[32, 64, 96, 128, 160, 192, 224, 288, 416]),
    count=values(_cells.PLACES),
    tier=["l1"],
    knobs=["tier"],
    measures=cycles(per="hop", within=_WITHIN),
    where=_cells.near_the_small_l1,
    sass={"sm_80+": _cells.L1},
)
def l1_line(gpu, *, stride, count, tier):
    """Latency over the number of places with L1 at its smallest: places within a line share it, others do not."""
    _runner("cupy_cache").divide(gpu, 100)
    return _chase(gpu, count, stride, warm=2 * count, lengths=(64, 64 + 2 * count))


@probe(
    "cache/chase.cu",
    stride=values([_KIB * k for k in (8, 16, 32, 64, 128)], quick=[16 * _KIB], full=[_KIB << k for k in range(9)]),
    count=values([2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96], quick=[4, 8, 16, 32, 64]),
    tier=["l1"],
    knobs=["tier"],
    measures=cycles(per="hop", within=_WITHIN),
    sass={"sm_80+": _cells.L1},
)
def l1_ways(gpu, *, stride, count, tier):
    """Latency over the number of places a power of two apart, which an index of plain address bits puts in few sets."""
    _runner("cupy_cache").divide(gpu, 0)
    return _chase(gpu, count, stride, warm=4 * count, lengths=(512, 1536))


# Lines and sectors: what one load brings along


_BEYOND = [
    observed(name="latency_second", unit="cycle", within=0.3),
    observed(name="latency_first", unit="cycle", within=0.3),
]


@probe(
    "cache/pairs.cu",
    offset=values([8, 16, 24, 32, 40, 48, 64, 96, 120, 128, 160, 192, 256], quick=[16, 32, 64, 128], unit="B"),
    tier=["l1"],
    knobs=["tier"],
    measures=_BEYOND,
    sass={"sm_80+": _cells.EACH_L1},
)
def l1_sector(gpu, *, offset, tier):
    """Cycles beyond a hit of L1 for a load `offset` bytes from one that missed."""
    return _runner("second_loads").pairs(gpu, step=512, offset=offset, count=192, blocks=64)


@probe(
    "cache/pairs.cu",
    offset=values(
        [8, 16, 24, 32, 40, 48, 64, 96, 120, 128, 160, 192, 256, 512, 1024], quick=[16, 32, 64, 128], unit="B"
    ),
    tier=["l2"],
    knobs=["tier"],
    measures=_BEYOND,
    sass={"sm_80+": _cells.EACH_L2},
)
def l2_sector(gpu, *, offset, tier):
    """Cycles beyond a hit of L2 for a load `offset` bytes from one that went to DRAM."""
    return _runner("second_loads").pairs(
        gpu, step=8 * _KIB + 512, offset=offset, count=128, blocks=64, turns=4, before=gpu.flush_l2
    )


# Constant memory


@probe(
    "latency/constant_chase.cu",
    footprint=pow2("512", "64KiB", per_octave=4, quick=2, full=8, multiple=64),
    measures=cycles(per="hop", within=_WITHIN),
    sass=_cells.CONSTANT,
)
def constant_capacity(gpu, *, footprint):
    """Latency of constant memory over the footprint, one word per 64 bytes."""
    return _runner("cupy_cache").constant_chase(gpu, footprint)


@probe(
    "cache/constant_pairs.cu",
    offset=values([4, 8, 16, 32, 48, 60, 64, 96, 128, 192, 252], quick=[16, 32, 64, 128], unit="B"),
    measures=_BEYOND,
    sass=_cells.EACH_CONSTANT,
    budget=2.0,
)
def constant_line(gpu, *, offset):
    """Cycles beyond a hit of the first constant cache for a load `offset` bytes from one that missed."""
    return _runner("second_loads").constant_pairs(gpu, offset=offset)
