"""Caches discovered: the curves that show capacity, line, sector, ways, reach and slices of each level.

What a curve says of a cache (where it breaks, and how sure that is) is worked out from the rows by
`gridstone.changepoint`; here each point of it is measured.
"""

from contextlib import nullcontext
from dataclasses import replace

import numpy as np

from gridstone import Unavailable, content, cycles, gpu_memory, loop, observed, pow2, probe, values

_KIB, _MIB = 1 << 10, 1 << 20
_L1 = loop(r"LDG\.E\.64(\.STRONG\.SM)?", count=16, clocked=True)
_L2 = loop(r"LDG\.E\.64\.STRONG\.GPU", count=16, clocked=True)
_EACH_L1 = loop(r"LDG\.E\.64(\.STRONG\.SM)?", clocked=True)
_EACH_L2 = loop(r"LDG\.E\.64\.STRONG\.GPU", clocked=True)
_SMALL_L1 = 28 << 10  # what is left of L1 on every architecture since sm_80 where shared memory has its most
_TIMED = 1024  # loads that tell hits from misses in one sample
_CONSTANT = 64 << 10


def _driver():
    """What needs the driver, or is the same for several probes."""
    return content.load_module(content.folder("runners") / "cupy_cache.py")


def _chase(gpu, count, stride, *, warm, lengths):
    """A walk along a ring of `count` places, `stride` bytes apart, each launch going on where the last one ended."""
    ring = gpu.ring(count * stride, stride)
    return gpu.chain(
        args=lambda length: [ring.walk.step(warm + length), np.uint32(warm)],
        lengths=lengths,
        expect=ring.walk.expect,
    )


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
    cache = _driver()
    names = {
        "l2_size": "L2_CACHE_SIZE",
        "shared_size": "MAX_SHARED_MEMORY_PER_MULTIPROCESSOR",
        "persisting_size": "MAX_PERSISTING_L2_CACHE_SIZE",
        "window_size": "MAX_ACCESS_POLICY_WINDOW_SIZE",
        "constant_size": "TOTAL_CONSTANT_MEMORY",
    }
    return gpu.observe(lambda: {name: float(cache.attribute(gpu, which)) for name, which in names.items()})


# L1


@probe(
    "cache/chase.cu",
    footprint=values(
        [_KIB * k for k in (*range(8, 48, 4), *range(64, 200, 12), *range(200, 273, 4))],
        quick=[_KIB * k for k in (16, 28, 32, 64, 112, 128, 160, 200, 224, 240, 248, 256, 272)],
        full=range(8 * _KIB, 288 * _KIB + 1, 2 * _KIB),
        open=True,
        unit="B",
        low=2 * _KIB,
        multiple=2 * _KIB,
    ),
    carveout=values([0, 50, 100], quick=[0, 100], full=[0, 12, 25, 50, 75, 100], open=True, low=0, high=100),
    tier=["l1"],
    knobs=["tier"],
    measures=cycles(per="hop"),
    sass={"sm_80+": _L1},
)
def l1_capacity(gpu, *, footprint, carveout, tier):
    """Latency over the footprint while shared memory may keep `carveout` per cent of its most for itself."""
    _driver().divide(gpu, carveout)
    count = footprint // 128
    return _chase(gpu, count, 128, warm=count, lengths=(count, 2 * count))


def _near_the_small_l1(stride, count, **_):
    return _SMALL_L1 / 2 <= count * min(stride, 128) <= 1.6 * _SMALL_L1


@probe(
    "cache/chase.cu",
    stride=values([32, 64, 96, 160, 192, 288], quick=[32, 160], full=[32, 64, 96, 128, 160, 192, 224, 288, 416]),
    count=values([16 * k for k in (*range(7, 17), *range(18, 33, 2), *range(36, 65, 4), 72, 80)]),
    tier=["l1"],
    knobs=["tier"],
    measures=cycles(per="hop"),
    where=_near_the_small_l1,
    budget=0.5,  # at the edge no number of visits makes the interval narrow, and where it lies is all that is asked
    sass={"sm_80+": _L1},
)
def l1_line(gpu, *, stride, count, tier):
    """Latency over the number of places with L1 at its smallest: places within a line share it, others do not."""
    _driver().divide(gpu, 100)
    return _chase(gpu, count, stride, warm=2 * count, lengths=(count, 3 * count))


@probe(
    "cache/chase.cu",
    stride=values([_KIB * k for k in (8, 16, 32, 64, 128)], quick=[16 * _KIB], full=[_KIB << k for k in range(9)]),
    count=values([2, 3, 4, 5, 6, 8, 10, 12, 16, 24, 32, 48, 64, 96], quick=[4, 8, 16, 32, 64]),
    tier=["l1"],
    knobs=["tier"],
    measures=cycles(per="hop"),
    sass={"sm_80+": _L1},
)
def l1_ways(gpu, *, stride, count, tier):
    """Latency over the number of places a power of two apart, which an index of plain address bits puts in few sets."""
    _driver().divide(gpu, 0)
    return _chase(gpu, count, stride, warm=4 * count, lengths=(512, 1536))


# Lines and sectors: what one load brings along


def _pairs(gpu, step, offset, blocks, before=None):
    """Cycles beyond a hit of a load `offset` bytes from one that missed, over `blocks` blocks of memory."""
    memory, spent = gpu.alloc(blocks * step), gpu.alloc(16 * blocks).view(np.uint32)
    words = np.zeros((blocks, step // 8), np.uint64)
    seconds = np.uint64(int(memory.data.ptr) + offset) + np.uint64(step) * np.arange(blocks, dtype=np.uint64)
    words[:, 0] = words[:, offset // 8] = seconds
    memory.view(np.uint64).set(words.ravel())
    args = [memory, np.uint64(step), np.uint64(offset), np.uint32(blocks), np.uint32(1), spent]
    return _driver().beyond_a_hit(gpu, args, spent, before)


_BEYOND = [
    observed(name="latency_second", unit="cycle"),
    observed(name="latency_first", unit="cycle"),
]


@probe(
    "cache/pairs.cu",
    offset=values([8, 16, 24, 32, 40, 48, 64, 96, 120, 128, 160, 192, 256], quick=[16, 32, 64, 128], unit="B"),
    tier=["l1"],
    knobs=["tier"],
    measures=_BEYOND,
    sass={"sm_80+": _EACH_L1},
    budget=0.5,  # a value near 0 has no narrow interval by ratio
)
def l1_sector(gpu, *, offset, tier):
    """Cycles beyond a hit of L1 for a load `offset` bytes from one that missed."""
    return _pairs(gpu, 512, offset, 192)


@probe(
    "cache/pairs.cu",
    offset=values(
        [8, 16, 24, 32, 40, 48, 64, 96, 120, 128, 160, 192, 256, 512, 1024], quick=[16, 32, 64, 128], unit="B"
    ),
    tier=["l2"],
    knobs=["tier"],
    measures=_BEYOND,
    sass={"sm_80+": _EACH_L2},
    budget=0.5,  # a value near 0 has no narrow interval by ratio
)
def l2_sector(gpu, *, offset, tier):
    """Cycles beyond a hit of L2 for a load `offset` bytes from one that went to DRAM."""
    return _pairs(gpu, 8 * _KIB + 512, offset, 128, before=gpu.flush_l2)


# Constant memory


@probe(
    "latency/constant_chase.cu",
    footprint=pow2("512", "64KiB", per_octave=4, quick=2, full=8, multiple=64),
    measures=cycles(per="hop"),
    sass={
        "sm_80-sm_110": loop(r"LDC", count=16, clocked=True),
        "sm_120+": loop(r"LDCU", count=16, clocked=True),  # the assembler moves the walk to the uniform datapath
    },
)
def constant_capacity(gpu, *, footprint):
    """Latency of constant memory over the footprint, one word per 64 bytes."""
    ring = gpu.offsets(footprint, 64, unit=1)
    gpu.copy_to_constant("ring", ring.memory)
    warm = 2 * footprint // 64
    return gpu.chain(
        args=lambda length: [np.uint32(ring.walk.step(warm + length)), np.uint32(warm)],
        lengths=(512, 2560),
        expect=ring.walk.expect,
    )


@probe(
    "cache/constant_pairs.cu",
    offset=values([4, 8, 16, 32, 48, 60, 64, 96, 128, 192, 252], quick=[16, 32, 64, 128], unit="B"),
    measures=_BEYOND,
    sass={"sm_80-sm_110": loop(r"LDC", clocked=True), "sm_120+": loop(r"LDCU?", clocked=True)},
    budget=0.5,  # a value near 0 has no narrow interval by ratio
)
def constant_line(gpu, *, offset):
    """Cycles beyond a hit of the first constant cache for a load `offset` bytes from one that missed."""
    step, blocks = 512, _CONSTANT // 512
    words = np.zeros((blocks, step // 4), np.uint32)
    words[:, 0] = words[:, offset // 4] = step * np.arange(blocks) + offset
    memory, spent = gpu.alloc(_CONSTANT).view(np.uint32), gpu.alloc(16 * blocks).view(np.uint32)
    memory.set(words.ravel())
    gpu.copy_to_constant("ring", memory)
    args = [np.uint32(step), np.uint32(offset), np.uint32(blocks), np.uint32(1), spent]
    return _driver().beyond_a_hit(gpu, args, spent)


# L2


_SHARES = [
    observed(name="hit_share", unit="1", better="higher"),
    observed(name="near_share", unit="1", better="higher"),
]


@probe(
    "cache/residency.cu",
    footprint=values(
        [_MIB * k for k in (8, 12, 16, 20, 22, 24, 26, 28, 30, 32, 36, 40, 44, 48, 52, 56, 60, 64, 72, 80, 96, 128)],
        quick=[_MIB * k for k in (16, 24, 28, 32, 48, 56, 64, 96)],
        open=True,
        unit="B",
        low=_MIB,
        multiple=_MIB,
    ),
    pattern=["one", "all"],
    measures=_SHARES,
    sass={"sm_80+": _EACH_L2},
    needs=[gpu_memory(lambda axes: axes["footprint"] + (64 << 20))],
    budget=0.5,  # a value near 0 has no narrow interval by ratio
)
def l2_capacity(gpu, *, footprint, pattern):
    """Share of single loads that hit L2 after one SM, or all of them, read `footprint` bytes over and over."""
    cache = _driver()
    thresholds = cache.thresholds(gpu, cache.Lines(gpu, 4 * _MIB, _TIMED))
    lines = cache.Lines(gpu, footprint, _TIMED)

    def observe():
        for _ in range(2):
            lines.sweep(pattern)
        return cache.shares(lines.latencies(), thresholds)

    return replace(gpu.observe(observe), verify=lines.right)


@probe(
    "cache/residency.cu",
    footprint=values(
        [_MIB * k for k in (1, 4, 8, 16, 24, 32, 48)], quick=[8 * _MIB], open=True, unit="B", low=_MIB, multiple=_MIB
    ),
    form=["normal", "persisting"],
    measures=_SHARES,
    sass={"sm_80+": _EACH_L2},
    needs=[gpu_memory(lambda axes: axes["footprint"] + (512 << 20))],
    budget=0.5,  # a value near 0 has no narrow interval by ratio
)
def persistence(gpu, *, footprint, form):
    """Share of single loads that hit L2 after twice its size was read past `footprint` bytes that may persist."""
    cache = _driver()
    most = cache.attribute(gpu, "MAX_PERSISTING_L2_CACHE_SIZE")
    window = cache.attribute(gpu, "MAX_ACCESS_POLICY_WINDOW_SIZE")
    if form == "persisting" and (not most or footprint > window):
        raise Unavailable(f"a window of {footprint} bytes is not to be had: at most {window}, {most} of them set aside")
    thresholds = cache.thresholds(gpu, cache.Lines(gpu, 4 * _MIB, _TIMED))
    kept = cache.Lines(gpu, footprint, _TIMED)
    stream = cache.Lines(gpu, 2 * gpu.facts.l2 // _MIB * _MIB, _TIMED)

    def observe():
        with cache.set_aside(most) if form == "persisting" else nullcontext():
            with cache.persisting(gpu, kept.memory) if form == "persisting" else nullcontext():
                for _ in range(2):
                    kept.sweep("all")
                gpu.synchronize()
            stream.sweep("all")
            return cache.shares(kept.latencies(), thresholds)

    return replace(gpu.observe(observe), verify=kept.right)


@probe(
    "latency/l2_lines.cu",
    offset=values([32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384], quick=[128, 512, 4096], unit="B"),
    measures=[
        observed(name="same_share", unit="1", better="higher"),
        observed(name="same_share_by_chance", unit="1", better="higher"),
    ],
    sass={"sm_80+": loop(r"LDG\.E\.64\.STRONG\.GPU", count=16, clocked=True)},
)
def l2_interleave(gpu, *, offset):
    """Share of addresses that hit L2 after as many cycles as those `offset` bytes on: in one slice, or by chance."""
    settled = _driver().settled
    lines, stride = 128, 3 * 32768  # the low bits of all first places are 0, those above are any
    memory = gpu.alloc(lines * stride)
    taken, spent = gpu.alloc(4), gpu.alloc(12 * lines).view(np.uint32)
    second = memory[offset:]

    def observe():
        for part in (memory, second):
            lay = [part, np.uint64(stride), np.uint32(lines)]
            gpu.support("ring.cu", "self_addresses", gpu.multiprocessors, 8, lay)
        a, b = (settled(gpu, part, stride, lines, 0, taken, spent) for part in (memory, second))
        return {
            "same_share": float((np.abs(a - b) < 1).mean()),
            "same_share_by_chance": float((np.abs(a[:, None] - b[None, :]) < 1).mean()),
        }

    return gpu.observe(observe)


@probe(
    "latency/l2_lines.cu",
    count=values([256], quick=[128], full=[512]),
    measures=[
        observed(name="groups", unit="1", better="higher"),
        observed(name="alike_share", unit="1", better="higher"),
        observed(name="alike_share_by_chance", unit="1", better="lower"),
    ],
    sass={"sm_80+": loop(r"LDG\.E\.64\.STRONG\.GPU", count=16, clocked=True)},
    budget=5.0,
)
def l2_slices(gpu, *, count):
    """Lines of L2 that six SMs reach after the same six latencies, taken to lie in one slice."""
    from gridstone.changepoint import alike, groups

    settled, stride = _driver().settled, 4096 + 128
    memory = gpu.alloc(count * stride)
    taken, spent = gpu.alloc(4), gpu.alloc(12 * count).view(np.uint32)
    sms = np.linspace(0, gpu.multiprocessors - 1, 6).astype(int)

    def observe():
        lay = [memory, np.uint64(stride), np.uint32(count)]
        gpu.support("ring.cu", "self_addresses", gpu.multiprocessors, 8, lay)
        prints = np.stack([settled(gpu, memory, stride, count, int(sm), taken, spent) for sm in sms], axis=1)
        close = alike(prints, within=3.0)
        pairs = count * (count - 1)
        shuffled = np.stack([np.random.default_rng(i).permutation(column) for i, column in enumerate(prints.T)], axis=1)
        return {
            "groups": float(groups(close)),
            "alike_share": float((close.sum() - count) / pairs),
            "alike_share_by_chance": float((alike(shuffled, within=3.0).sum() - count) / pairs),
        }

    return gpu.observe(observe)


# Translation


@probe(
    "cache/chase.cu",
    stride=values([2 * _MIB, 16 * _MIB], quick=[2 * _MIB], full=[64 * _KIB, 2 * _MIB, 16 * _MIB, 64 * _MIB]),
    count=values(
        [8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144, 8192],
        quick=[16, 64, 256, 1024, 4096],
    ),
    tier=["l2"],
    knobs=["tier"],
    measures=cycles(per="hop"),
    where=lambda stride, count, **_: count * stride <= 16 << 30,
    needs=[gpu_memory(lambda axes: axes["count"] * (axes["stride"] + 4224))],
    sass={"sm_80+": _L2},
    budget=2.0,
)
def tlb(gpu, *, stride, count, tier):
    """Latency past L1 over the number of places, one per page: few lines of L2, and many translations."""
    apart = stride + 4096 + 128  # not the same line of every page: L2 takes them apart better
    return _chase(gpu, count, apart, warm=min(count, 1024), lengths=(1024, 3072))
