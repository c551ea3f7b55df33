"""Strided blocks, as MPI datatypes describe them, packed and unpacked by the GPU."""

import functools
import math
from dataclasses import replace

from gridstone import bandwidth, content, dram, gpu_memory, loop, pcie, probe, rate, seconds, values
from gridstone.datatypes.plan import UNROLLS, WIDTHS, plan


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


box = _runner("layouts").box  # the layouts that messages of strided blocks are measured over, too
_sensible = functools.partial(_runner("layouts").sensible, largest=256 << 20)
_DIRECTION = values(["pack", "unpack"], quick=["pack"])
_DIMS = values([2, 3], quick=[2], full=[2, 3, 4], open=True, low=1, high=4)


_OPCODE = {1: r"U8", 2: r"U16", 4: r"", 8: r"64", 16: r"128"}
_ON_GPU = 1 << 30  # bytes that the blocks may spread over


def _opcode(name):
    """A load or store of a word: `LDG.E.128`."""

    def opcode(axes):
        width = _OPCODE[axes["word"]]
        return rf"{name}\.E\.{width}" if width else rf"{name}\.E"

    return opcode


_WORDS = {
    "sm_80+": [
        loop(_opcode("LDG"), count=lambda axes: axes["unroll"]),
        loop(_opcode("STG"), count=lambda axes: axes["unroll"]),
    ]
}


@functools.cache  # form, direction and unroll ask for the same layouts a dozen times, as often as they are listed
def _planned(bytes, block, stride, dims):
    if not _sensible(bytes=bytes, block=block, stride=stride, dims=dims, largest=_ON_GPU):
        return None
    planned = plan(box(bytes, block, stride, dims))
    return planned.word, planned.unroll


def _as_planned(form, direction, bytes, block, stride, dims, word, unroll):
    if form == "mapped" and (dims != 2 or bytes < 4096):
        return False
    if word != math.gcd(WIDTHS[-1], block, stride):  # what the plan says for all of them, and quickly
        return False
    return (word, unroll) == _planned(bytes, block, stride, dims)


def _pcie_of_mapped(machine, axes, samples):
    return pcie(machine, axes, samples) if axes["form"] == "mapped" else None


@probe(
    "datatype/strided.cu",
    budget=0.3,
    form=values(["device", "mapped"], quick=["device"]),
    direction=_DIRECTION,
    bytes=values(
        [1 << 10, 8 << 10, 64 << 10, 512 << 10, 4 << 20, 16 << 20],
        quick=[1 << 20],
        full=[64, *(1 << 10 << 2 * i for i in range(9))],
        open=True,
        unit="B",
    ),
    block=values(
        [1, 8, 64, 128, 512, 4096], quick=[8, 512], full=[4**i for i in range(7)] + [128], open=True, unit="B"
    ),
    stride=values([128, 1024, 8192], quick=[1024], full=[16, 128, 512, 1024, 8192], open=True, unit="B"),
    dims=_DIMS,
    word=values(WIDTHS),
    unroll=values(UNROLLS),
    knobs=["direction", "word", "unroll", "dims"],
    measures=[bandwidth(), seconds()],
    limit=_pcie_of_mapped,
    needs=[gpu_memory(lambda axes: 2 * _ON_GPU)],
    sass=_WORDS,
    where=_as_planned,
    fits="pack",
)
def kernel(gpu, *, form, direction, bytes, block, stride, dims, word, unroll):
    """A kernel packs blocks of device memory, or unpacks them; the packed side is in device or in mapped host memory.

    Bytes in device memory are read and written, and count twice; those that go to mapped memory and back count once,
    as copies to the host do. `word` is how many bytes a thread moves at a time, what the alignment allows, and `unroll`
    how many words.
    """
    layout = _runner("cupy_packing").Layout(gpu, box(bytes, block, stride, dims), direction, form)
    return _launched(gpu, layout, (2 if form == "device" else 1) * bytes)


@probe(
    "datatype/strided.cu",
    budget=0.3,
    bytes=values(
        [1 << 10, 64 << 10, *(1 << k for k in range(19, 25)), 20 << 20, 24 << 20, 32 << 20, 256 << 20],
        quick=[1 << 10, 1 << 20, 256 << 20],
        open=True,
        unit="B",
        multiple=16,
    ),
    dims=[1],
    word=[WIDTHS[-1]],
    unroll=values(UNROLLS),
    knobs=["word", "unroll", "dims"],
    measures=[bandwidth(), seconds()],
    needs=[gpu_memory(lambda axes: 2 * axes["bytes"])],
    sass=_WORDS,
    where=lambda bytes, dims, word, unroll: unroll == plan(box(bytes, bytes, bytes, dims)).unroll,
)
def contiguous(gpu, *, bytes, dims, word, unroll):
    """The same kernel with nothing strided: what its call, the cache and memory take where all that moves is kept."""
    return _launched(
        gpu, _runner("cupy_packing").Layout(gpu, box(bytes, bytes, bytes, dims), "pack", "device"), 2 * bytes
    )


def _launched(gpu, layout, work):
    launched = plan(layout.form)
    return gpu.launch(
        grid=launched.grid,
        block=launched.threads,
        args=[layout.memory, layout.packed, *launched.arguments],
        work=work,
        poison=layout.poison,
        verify=layout.verify,
    )


def _apart(pattern, tier, block, stride):
    """Words are read, and parts of a sector or whole ones written; contiguous blocks are both."""
    if block == 64:
        return stride == 64
    return (pattern == "write" or block == 16) and (tier == "dram" or stride <= 128)


def _bursts_of_memory(machine, axes, samples):
    peak = dram(machine, axes, samples) if (axes["tier"], axes["pattern"]) == ("dram", "read") else None
    return peak and replace(peak, value=peak.value / 64, kind=f"{peak.kind}, bursts of 64 bytes")


@probe(
    "datatype/side.cu",
    budget=0.3,
    pattern=["read", "write"],
    tier=["l2", "dram"],
    block=values([16, 32, 64], quick=[16], unit="B"),
    stride=values([64, 128, 256, 512, 1024], quick=[128], unit="B"),
    knobs=["pattern", "tier", "block"],
    measures=rate(unit="block/s"),
    limit=_bursts_of_memory,
    needs=[gpu_memory(lambda axes: 2 * _ON_GPU)],
    sass={"sm_80+": [loop(lambda axes: rf"{'LDG' if axes['pattern'] == 'read' else 'STG'}\.E\.128\S*")]},
    where=_apart,
)
def side(gpu, *, pattern, tier, block, stride):
    """Blocks within one burst of 64 bytes each, read or written and not packed.

    16 bytes are part of a sector, 32 all of one, 64 bytes 64 bytes apart are contiguous memory.
    """
    return _runner("cupy_packing").one_side(gpu, pattern, tier, block, stride)


@probe(
    None,
    budget=0.35,
    method=values(["memcpy_2d", "memcpy_3d", "per_block"], quick=["memcpy_2d"]),
    direction=_DIRECTION,
    bytes=values([8 << 10, 1 << 20, 16 << 20], quick=[1 << 20], open=True, unit="B"),
    block=values([8, 64, 512, 4096], quick=[512], full=[1, 8, 64, 128, 512, 4096], open=True, unit="B"),
    stride=values([8192], quick=[1024], full=[512, 8192], open=True, unit="B"),
    measures=[bandwidth(), seconds()],
    needs=[gpu_memory(lambda axes: 2 * _ON_GPU)],
    where=lambda method, direction, bytes, block, stride: (
        _sensible(bytes=bytes, block=block, stride=stride, dims=3 if method == "memcpy_3d" else 2, largest=_ON_GPU)
        and (method != "per_block" or (direction == "pack" and bytes // block <= 1 << 17))
    ),
)
def copies(gpu, *, method, direction, bytes, block, stride):
    """The same by what CUDA brings: one cudaMemcpy2D or 3D, or a cudaMemcpyAsync per block; bytes count twice."""
    made = _runner("cupy_packing")
    layout = made.Layout(gpu, box(bytes, block, stride, 3 if method == "memcpy_3d" else 2), direction, "device")
    checks = {"work": 2 * bytes, "poison": layout.poison, "verify": layout.verify}
    if method == "per_block":
        return gpu.call(made.one_by_one(layout), gated=False, **checks)
    whole = made.planar if method == "memcpy_2d" else made.cuboid
    return gpu.call(whole(layout, direction == "pack"), **checks)
