"""Load-to-use latency of each level of the memory hierarchy, in SM cycles per dependent load."""

import numpy as np

from gridstone import cycles, gpu_memory, loop, observed, pow2, probe, seconds, values
from gridstone import host_memory as needs_host_memory

_LENGTHS = (512, 2560)
_LAP = 512 << 10  # below this the whole ring is walked before the clock starts: L1 forgets between launches


def _warm(footprint, stride):
    return footprint // stride if footprint <= _LAP else 512


def _walk(gpu, footprint, stride):
    """A chain of addresses through global memory, L2 left as a walk up to its start would leave it."""
    ring = gpu.ring(footprint, stride)
    warm = _warm(footprint, stride)
    return gpu.chain(
        args=lambda length: [ring.walk.step(warm + length), np.uint32(warm)],
        lengths=_LENGTHS,
        before=ring.move,
        expect=ring.walk.expect,
    )


@probe(
    "latency/pointer_chase.cu",
    footprint=pow2("1KiB", "1GiB", per_octave=8, quick=2, full=12, multiple=128),
    stride=values([128], full=[128, 65536, 2 << 20], open=True, unit="B", low=8, multiple=8),
    measures=[cycles(per="hop"), seconds()],
    sass={"sm_80+": loop(r"LDG\.E\.64(\.STRONG\.SM)?", count=16, clocked=True)},
    needs=[gpu_memory(lambda axes: axes["footprint"])],
    where=lambda footprint, stride: footprint >= 8 * stride,
    budget=6.0,  # where a cache ends, the latency hangs on where the ring lies: that takes many places
    fits="ladder",
)
def pointer_chase(gpu, *, footprint, stride):
    """Cycles per dependent load over a shuffled ring of `footprint` bytes, one address per `stride`."""
    return _walk(gpu, footprint, stride)


@probe(
    "latency/pointer_chase.cu",
    footprint=pow2("4KiB", "64MiB", per_octave=1, quick=1),
    function=["readonly"],
    knobs=["function"],
    measures=cycles(per="hop"),
    sass={"sm_80+": loop(r"LDG\.E\.64\.CONSTANT", count=16, clocked=True)},
)
def readonly(gpu, *, footprint, function):
    """The same walk through the read-only path (ld.global.nc)."""
    return _walk(gpu, footprint, 128)


@probe(
    "latency/pointer_chase.cu",
    footprint=pow2("64KiB", "64MiB", per_octave=1, every=2),
    measures=[cycles(per="hop"), seconds()],
    sass={"sm_80+": loop(r"LDG\.E\.64(\.STRONG\.SM)?", count=16, clocked=True)},
    needs=[needs_host_memory(lambda axes: axes["footprint"])],
)
def host_memory(gpu, *, footprint):
    """Dependent loads of pinned host memory over PCIe."""
    ring = gpu.ring(footprint, 128, memory=gpu.pinned(footprint))
    return gpu.chain(
        args=lambda length: [ring.walk.step(64 + length), np.uint32(64)],
        lengths=(64, 320),
        expect=ring.walk.expect,
    )


@probe(
    "latency/shared_chase.cu",
    footprint=pow2("1KiB", "32KiB", per_octave=1),
    form=["address", "index"],
    knobs=["form"],
    measures=cycles(per="hop"),
    sass={"sm_80+": loop(r"LDS", count=16, clocked=True)},
)
def shared(gpu, *, footprint, form):
    """Cycles per dependent load of shared memory; `index` adds the address arithmetic of an array access."""
    ring = gpu.offsets(footprint, 4)
    return gpu.chain(
        args=lambda length: [ring.memory, np.uint32(ring.memory.size), np.uint32(ring.walk.step(length))],
        lengths=_LENGTHS,
        shared=footprint,
        expect=ring.walk.expect,
    )


@probe(
    "latency/constant_chase.cu",
    footprint=pow2("512", "64KiB", per_octave=2, multiple=64),
    measures=cycles(per="hop"),
    sass={
        "sm_80-sm_110": loop(r"LDC", count=16, clocked=True),
        "sm_120+": loop(r"LDCU", count=16, clocked=True),  # the assembler moves the walk to the uniform datapath
    },
)
def constant(gpu, *, footprint):
    """Cycles per dependent load of constant memory, one word per 64 bytes."""
    ring = gpu.offsets(footprint, 64, unit=1)
    gpu.copy_to_constant("ring", ring.memory)
    warm = footprint // 64
    return gpu.chain(
        args=lambda length: [np.uint32(ring.walk.step(warm + length)), np.uint32(warm)],
        lengths=_LENGTHS,
        expect=ring.walk.expect,
    )


@probe(
    "latency/texture_chase.cu",
    footprint=pow2("4KiB", "64MiB", per_octave=1),
    measures=cycles(per="hop"),
    sass={"sm_80+": loop(r"(TLD|TEX)\S*", count=16, clocked=True)},
)
def texture(gpu, *, footprint):
    """Cycles per dependent fetch from a linear texture, one word per 128 bytes."""
    ring = gpu.offsets(footprint, 128)
    linear = gpu.linear_texture(ring.memory)
    warm = _warm(footprint, 128)
    return gpu.chain(
        args=lambda length: [linear, np.uint32(ring.walk.step(warm + length)), np.uint32(warm)],
        lengths=_LENGTHS,
        before=ring.visit,
        expect=ring.walk.expect,
    )


@probe(
    "latency/l2_lines.cu",
    src_sm=values(range(0, 132, 4), quick=[0, 66, 131], full=range(132), open=True, low=0),
    measures=[
        observed(name="latency_near", unit="cycle/hop"),
        observed(name="latency_far", unit="cycle/hop"),
        observed(name="near_share", unit="1", better="higher"),
    ],
    sass={"sm_80+": loop(r"LDG\.E\.64\.STRONG\.GPU", count=16, clocked=True)},
    where=lambda src_sm: src_sm >= 0,
)
def l2_by_sm(gpu, *, src_sm):
    """Latency from one SM to lines in the near and in the far partition of L2, told apart line by line."""
    lines, stride = 1024, 4096 + 128  # no power of two: L2 chooses the slice by a hash of the address
    memory = gpu.alloc(lines * stride)
    taken, spent = gpu.alloc(4), gpu.alloc(12 * lines).view(np.uint32)

    def observe():
        lay = [memory, np.uint64(stride), np.uint32(lines)]
        gpu.support("ring.cu", "self_addresses", gpu.multiprocessors, 8, lay)  # a few lines from every SM
        gpu.memset(taken, 0)
        gpu.memset(spent, 0)
        args = [memory, np.uint64(stride), np.uint32(lines), np.uint32(src_sm), taken, spent]
        gpu.enqueue(gpu.kernel, 8 * gpu.multiprocessors, 32, args)
        first, second, chain = spent.get().reshape(lines, 3).T.astype(np.float64)
        if not chain.all():
            raise RuntimeError("the wanted SM ran no block of the grid")
        settled = chain / 16
        return _two_groups(first - np.median(second - settled))

    return gpu.observe(observe)


def _two_groups(cycles_per_line):
    """Medians of the two groups that split a distribution best (Otsu), and the share of the lower one."""
    ordered = np.sort(cycles_per_line)
    below = np.arange(1, ordered.size)
    sums = np.cumsum(ordered)[:-1]
    means = sums / below, (ordered.sum() - sums) / (ordered.size - below)
    split = int(np.argmax(below * (ordered.size - below) * (means[1] - means[0]) ** 2)) + 1
    return {
        "latency_near": float(np.median(ordered[:split])),
        "latency_far": float(np.median(ordered[split:])),
        "near_share": split / ordered.size,
    }
