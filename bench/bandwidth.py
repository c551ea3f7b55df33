"""Bandwidth of DRAM, L2, L1 and shared memory: bytes the program asked for, over time."""

import numpy as np

from gridstone import (
    Metric,
    Unavailable,
    bandwidth,
    bandwidth_per_clock,
    constant,
    gpu_memory,
    loop,
    per_sm_clock,
    pow2,
    probe,
    values,
)
from gridstone import dram as dram_peak

# Blocks that each do one tile and leave keep the front of a copy narrow in memory: writes and copies are faster
# so. Reads are faster when blocks stay and stride, since nothing waits for a block to start. Small blocks keep the
# front narrowest, but a block of 128 threads that only writes is done before the next can be started.
_PERSISTENT, _ONE_SHOT, _ONE_SHOT_WRITE = 512, 128, 256
_ARRAYS = {"read": 1, "write": 1, "copy": 2, "scale": 2, "triad": 3}
_LOADS = {"read": 1, "write": 0, "copy": 1, "scale": 1, "triad": 2}
_WIDTH = {4: "", 8: r"\.64", 16: r"\.128"}


def _power(samples):
    if "power" not in samples.observed:
        raise Unavailable("the power sensor averages over longer than a burst")
    return samples.observed["power"]


def _loads(cached=""):
    def opcode(axes):
        return rf"LDG\.E{_WIDTH[axes.get('vector', 16)]}{cached}"

    return loop(opcode, count=lambda axes: _LOADS[axes["pattern"]] * axes.get("unroll", 4))


def _stores():
    def opcode(axes):
        evicted_first = r"\.EF" if axes.get("form") == "one_shot" else ""
        return rf"STG\.E{evicted_first}{_WIDTH[axes.get('vector', 16)]}"

    return loop(opcode, count=lambda axes: 0 if axes["pattern"] == "read" else axes.get("unroll", 4))


def _stream(gpu, pattern, size, *, vector, unroll, warps=64, form="persistent", passes=1):
    """bandwidth/stream.cu over arrays of `size` bytes: `warps` per SM that stay, or one block per tile."""
    threads = _PERSISTENT if form == "persistent" else _ONE_SHOT_WRITE if pattern == "write" else _ONE_SHOT
    arrays = [gpu.floats(size) for _ in range(_ARRAYS[pattern])]
    target, first, second = arrays[0], arrays[len(arrays) // 2], arrays[-1]
    tiles = size // (vector * unroll * threads)
    grid = tiles if form == "one_shot" else gpu.multiprocessors * warps * 32 // threads
    sums = gpu.alloc(4 * grid * threads if pattern == "read" else 4).view(np.uint32)
    written = sums if pattern == "read" else target

    def verify():
        if pattern == "read":
            return int(sums.get().sum(dtype=np.uint32)) == passes * gpu.expected_sum(size // 4) % 2**32
        factor, offset = {"write": (0, 7), "copy": (1, 0), "scale": (3, 0), "triad": (4, 0)}[pattern]
        return gpu.mismatches(target, factor, offset) == 0

    return gpu.launch(
        grid=grid,
        block=threads,
        args=[target, first, second, np.uint32(tiles), np.uint32(passes), sums],
        work=_ARRAYS[pattern] * size * passes,
        poison=lambda: gpu.memset(written, 0xFF),
        verify=verify,
    )


def _on_chip(gpu, space, *, vector, unroll, warps):
    """bandwidth/on_chip.cu with one block per SM; each block's bytes are read an odd number of times."""
    threads, rounds = 32 * warps, 2001
    footprint = threads * vector * unroll
    words = np.random.default_rng(1).integers(0, 2**32, (gpu.multiprocessors, footprint // 4), dtype=np.uint32)
    memory = gpu.alloc(words.nbytes)
    memory.view(np.uint32).set(words.ravel())
    folded = gpu.alloc(4 * gpu.multiprocessors * threads).view(np.uint32)
    expected = np.bitwise_xor.reduce(words.reshape(gpu.multiprocessors, unroll, threads, vector // 4), axis=(1, 3))
    return gpu.launch(
        grid=gpu.multiprocessors,
        block=threads,
        args=[memory, np.uint32(footprint), np.uint32(rounds), folded],
        work=gpu.multiprocessors * rounds * footprint,
        shared=footprint if space == "shared" else 0,
        poison=lambda: gpu.memset(folded, 0xFF),
        verify=lambda: bool((folded.get() == expected.ravel()).all()),
    )


def _one_at_a_time(pattern, form, bytes, vector, unroll, warps):
    """All patterns at the base point of each form, and one deviation from it at a time."""
    base = 1 if form == "one_shot" else 4
    if form == "one_shot" and (warps != 64 or pattern == "read"):
        return False
    return sum((bytes != 8 << 30, vector != 16, unroll != base, warps != 64)) <= 1


@probe(
    "bandwidth/stream.cu",
    pattern=["read", "write", "copy", "scale", "triad"],
    form=["persistent", "one_shot"],
    bytes=values([1 << 28, 1 << 30, 8 << 30], quick=[8 << 30], open=True, unit="B", multiple=1 << 20),
    vector=values([4, 8, 16], quick=[16]),
    unroll=values([1, 4, 8], quick=[1, 4]),
    warps=values([16, 32, 64], quick=[64]),
    knobs=["pattern", "form", "vector", "unroll"],
    measures=bandwidth(),
    limit=dram_peak,
    sass={"sm_80+": [_loads(), _stores()]},
    needs=[gpu_memory(lambda axes: 3 * axes["bytes"])],
    where=_one_at_a_time,
)
def dram(gpu, *, pattern, form, bytes, vector, unroll, warps):
    """Streams arrays of `bytes` through DRAM; counts each array read or written once."""
    return _stream(gpu, pattern, bytes, vector=vector, unroll=unroll, warps=warps, form=form)


@probe(
    "bandwidth/stream.cu",
    pattern=values(["read", "copy"], quick=["copy"]),
    regime=["burst", "sustained"],
    knobs=["pattern"],
    measures=[bandwidth(), Metric(name="power", unit="W", better="lower", reduce=_power)],
    limit=dram_peak,
    sass={"sm_80+": [_loads(), _stores()]},
    needs=[gpu_memory(lambda axes: 24 << 30)],
    budget=10.0,  # a visit is over when power has settled, which takes seconds
)
def dram_regime(gpu, *, pattern, regime):
    """DRAM bandwidth in bursts from rest, and at power equilibrium, with the power drawn."""
    return _stream(gpu, pattern, 8 << 30, vector=16, unroll=4)


@probe(
    "bandwidth/stream.cu",
    pattern=["read", "write"],
    footprint=pow2("1MiB", "128MiB", per_octave=2, quick=1, multiple=1 << 16),
    tier=["l2"],
    knobs=["pattern", "tier"],
    measures=[bandwidth(), bandwidth_per_clock()],
    sass={"sm_80+": [_loads(r"\.STRONG\.GPU"), _stores()]},
)
def l2(gpu, *, pattern, footprint, tier):
    """All SMs pass again and again over a footprint, around L1: L2 while it fits, DRAM beyond."""
    passes = max(1, (1 << 31) // footprint)
    return _stream(gpu, pattern, footprint, vector=16, unroll=4, passes=passes)


@probe(
    "bandwidth/on_chip.cu",
    vector=[4, 8, 16],
    unroll=[8],
    warps=values([8, 16, 32], quick=[32]),
    knobs=["vector", "unroll"],
    measures=[bandwidth(), bandwidth_per_clock()],
    limit={
        "bandwidth": per_sm_clock(128, "32 banks of 4 bytes"),
        "bandwidth_sm": constant(128, "32 banks of 4 bytes per clock"),
    },
    sass={"sm_80+": loop(lambda axes: rf"LDG\.E{_WIDTH[axes['vector']]}", count="unroll")},
)
def l1(gpu, *, vector, unroll, warps):
    """Every SM reads its own L1-resident bytes again and again."""
    return _on_chip(gpu, "global", vector=vector, unroll=unroll, warps=warps)


@probe(
    "bandwidth/on_chip.cu",
    vector=[4, 8, 16],
    unroll=[8],
    warps=values([8, 16, 32], quick=[32]),
    source=["shared"],
    knobs=["vector", "unroll", "source"],
    measures=[bandwidth(), bandwidth_per_clock()],
    limit={
        "bandwidth": per_sm_clock(128, "32 banks of 4 bytes"),
        "bandwidth_sm": constant(128, "32 banks of 4 bytes per clock"),
    },
    sass={"sm_80+": loop(lambda axes: rf"LDS{_WIDTH[axes['vector']]}", count="unroll")},
)
def shared(gpu, *, vector, unroll, warps, source):
    """Every SM reads its own shared memory again and again, without bank conflicts."""
    return _on_chip(gpu, "shared", vector=vector, unroll=unroll, warps=warps)
