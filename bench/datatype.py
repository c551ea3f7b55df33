"""Strided blocks, as MPI datatypes describe them, packed and unpacked: on the host, by the MPI library, on the GPU."""

import functools
import math
from dataclasses import replace

import numpy as np

from gridstone import bandwidth, datatypes, gpu_memory, host_memory, loop, mpi, pcie, probe, seconds, values
from gridstone.datatypes.plan import THREADS, WIDTHS, plan
from gridstone.datatypes.strided import strided
from gridstone.ranks import LIBRARIES, installations

_BLOCKS_PER_ROW = 16
_LARGEST_SPAN = 256 << 20
_DIRECTION = values(["pack", "unpack"], quick=["pack"])
_BLOCK = values([1, 8, 64, 512], quick=[8, 512], full=[4**i for i in range(7)], open=True, unit="B")
_BYTES = values(
    [32 << 10, 256 << 10, 2 << 20],
    quick=[1 << 20],
    full=[64, 512, *(4 << 10 << 2 * i for i in range(8))],
    open=True,
    unit="B",
)
_STRIDE = values([128, 1024], quick=[512], full=[16, 128, 512, 1024, 8192], open=True, unit="B")
_DIMS = values([2, 3], quick=[2], full=[2, 3, 4], open=True, low=1, high=4)


@functools.cache  # a layout is asked for once per direction, form and word
def box(bytes, block, stride, dims):
    """A form of `bytes` bytes in `dims` dimensions: blocks, rows of up to 16 blocks, planes of rows.

    Rows and planes lie further apart than their content reaches, so that no two dimensions merge into one.
    """
    count = bytes // block
    if dims == 1 or count == 1:
        return strided(0, bytes)
    inner = [min(_BLOCKS_PER_ROW, count)] * (dims - 2)
    streams, reach = [], stride
    for n in inner:
        streams.insert(0, (n, reach))
        reach = (n + 1) * reach
    outer = count // math.prod(inner)
    return strided(0, block, [(outer, reach), *streams])


def _sensible(bytes, block, stride, dims, largest=_LARGEST_SPAN):
    """Cells that have as many dimensions as they say, in memory of a sensible size."""
    if dims == 1:
        return True
    count = bytes // block
    enough = count >= 2 * _BLOCKS_PER_ROW ** (dims - 2) and bytes % (block * _BLOCKS_PER_ROW ** (dims - 2)) == 0
    return block < stride and enough and box(bytes, block, stride, dims).span[1] <= largest


def _datatype(mpi, form):
    """The committed MPI datatype of a form: hvectors around as wide integers as fill the block."""
    width = math.gcd(form.block, 8)
    word = {1: mpi.UINT8_T, 2: mpi.UINT16_T, 4: mpi.UINT32_T, 8: mpi.UINT64_T}[width]
    made = word.Create_contiguous(form.block // width)
    for count, stride in reversed(form.streams):
        inner, made = made, made.Create_hvector(count, 1, stride)
        inner.Free()
    return made.Commit()


def _marked(size):
    return (np.arange(size, dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(24)).astype(np.uint8)


def _library(rank, *, direction, bytes, block, stride, dims):
    form = box(bytes, block, stride, dims)
    datatype, comm = _datatype(rank.MPI, form), rank.comm
    one = datatype.Create_resized(0, form.span[1]).Commit()  # mpi4py counts elements by the bytes of the buffer
    datatype.Free()
    memory, packed = rank.array(form.span[1]), rank.array(form.size)
    if direction == "pack":
        memory[:] = _marked(memory.size)
        return rank.Program(
            step=lambda: one.Pack(memory, packed, 0, comm) and None,
            aligned=False,
            poison=lambda: packed.fill(0xEE),
            verify=lambda: np.array_equal(packed, datatypes.pack(form, memory)),
        )
    packed[:] = _marked(packed.size)
    return rank.Program(
        step=lambda: one.Unpack(packed, 0, memory, comm),
        aligned=False,
        poison=lambda: memory.fill(0xEE),
        verify=lambda: _only_the_blocks(form, memory, packed),
    )


def _only_the_blocks(form, memory, packed):
    """The blocks hold what was packed, and the bytes between them are still poisoned."""
    wanted = np.full(memory.size, 0xEE, dtype=np.uint8)
    datatypes.unpack(form, packed, wanted)
    return np.array_equal(memory, wanted)


@probe(
    None,
    runner="on_mpi",
    budget=0.3,
    library=values(list(installations()) or LIBRARIES[:1], full=LIBRARIES),
    direction=_DIRECTION,
    bytes=_BYTES,
    block=_BLOCK,
    stride=_STRIDE,
    dims=_DIMS,
    measures=[bandwidth(), seconds()],
    needs=[mpi(lambda axes: axes["library"], lambda _: 1), host_memory(lambda axes: 4 * _LARGEST_SPAN)],
    where=lambda library, direction, **layout: _sensible(**layout),
    fits="pack",
)
def library(mpi, *, library, direction, **layout):
    """MPI_Pack and MPI_Unpack of one element in host memory; bytes are those of the packed side, counted once."""
    axes = {"direction": direction, **layout}
    return mpi.work(_library, library=library, ranks=1, axes=axes, work=layout["bytes"])


def _block_by_block(form, memory, packed, packing):
    """One copy per block, as a program without datatypes writes it; each is a call of the C library's memcpy."""
    places = _places(form)
    block = form.block

    def run():
        at = 0
        for place in places:
            if packing:
                packed[at : at + block] = memory[place : place + block]
            else:
                memory[place : place + block] = packed[at : at + block]
            at += block

    return run


def _places(form):
    """Offsets of the blocks in the order of packing."""
    at = np.array([form.start], dtype=np.int64)
    for count, stride in form.streams:
        at = (at[:, None] + np.arange(count, dtype=np.int64) * stride).ravel()
    return at.tolist()


@probe(
    None,
    runner="on_host",
    budget=0.3,
    method=values(["numpy", "numba", "blocks"], quick=["numpy"]),
    direction=_DIRECTION,
    bytes=replace(_BYTES, standard=(256 << 10,)),  # few: this runs on every machine, with MPI or without
    block=replace(_BLOCK, standard=(8, 64, 512)),
    stride=replace(_STRIDE, standard=(1024,)),
    dims=replace(_DIMS, standard=(2,)),
    measures=[bandwidth(), seconds()],
    needs=[host_memory(lambda axes: 4 * _LARGEST_SPAN)],
    where=lambda method, direction, bytes, block, **layout: (
        _sensible(bytes=bytes, block=block, **layout) and (method != "blocks" or bytes // block <= 1 << 17)
    ),
    fits="pack",
)
def host(host, *, method, direction, **layout):
    """The same without MPI: a strided NumPy view, a loop over blocks compiled by numba, one copy per block."""
    form = box(**layout)
    packing = direction == "pack"
    memory, packed = host.array(form.span[1], np.uint8), host.array(form.size, np.uint8)
    (memory if packing else packed)[:] = _marked(memory.size if packing else packed.size)
    if method == "numpy":
        run = (
            (lambda: datatypes.pack(form, memory, packed))
            if packing
            else (lambda: datatypes.unpack(form, packed, memory))
        )
    elif method == "numba":
        # Up to three streams around the block; missing ones have one step.
        counts, strides = (np.array(v) for v in zip(*([(1, 0)] * 3 + list(form.streams))[-3:], strict=True))
        copy = host.loops.pack_blocks if packing else host.loops.unpack_blocks
        run = lambda: copy(packed, memory, form.block, counts, strides)  # noqa: E731
    else:
        run = _block_by_block(form, memory, packed, packing)

    def repeat(passes):
        for _ in range(passes):
            run()

    def verify():
        if packing:
            return np.array_equal(packed, datatypes.pack(form, memory))
        return _only_the_blocks(form, memory, packed)

    return host.call(
        repeat,
        work=form.size,
        poison=lambda: (packed if packing else memory).fill(0xEE),
        verify=verify,
    )


_OPCODE = {1: r"U8", 2: r"U16", 4: r"", 8: r"64", 16: r"128"}
_ON_GPU = 1 << 30  # bytes that the blocks may spread over


def _opcode(name):
    """A load or store of a word: `LDG.E.128`."""

    def opcode(axes):
        width = _OPCODE[axes["word"]]
        return rf"{name}\.E\.{width}" if width else rf"{name}\.E"

    return opcode


class _Layout:
    """A form on the GPU: memory that it spreads over, its packed bytes on either side, and their check."""

    def __init__(self, gpu, form, direction, destination):
        self._gpu, self.form, self._packing = gpu, form, direction == "pack"
        size = -(-form.span[1] // 4) * 4
        packed = -(-form.size // 4) * 4
        self.memory = gpu.floats(size).view(np.uint8) if self._packing else gpu.alloc(size)
        on_device = gpu.floats(packed).view(np.uint8)
        self._mapped = destination == "mapped"
        self.packed = gpu.pinned(packed) if self._mapped else on_device
        self._mirror = on_device
        if self._mapped and not self._packing:
            self._copy(self.packed.ctypes.data, on_device, packed)
            gpu.synchronize()

    def _copy(self, target, source, size):
        gpu = self._gpu
        source = source.ctypes.data if isinstance(source, np.ndarray) else source.data.ptr
        gpu.cp.cuda.runtime.memcpyAsync(target, source, size, gpu.cp.cuda.runtime.memcpyDefault, gpu.stream.ptr)

    def poison(self):
        if not self._packing:
            self._gpu.memset(self.memory, 0xEE)
        elif self._mapped:
            self.packed[:] = 0xEE
        else:
            self._gpu.memset(self.packed, 0xEE)

    def verify(self):
        """Packed bytes are those that the form reaches, byte by byte; unpacking left the others alone."""
        gpu, form = self._gpu, self.form
        gpu.synchronize()
        if self._mapped and self._packing:
            self._copy(self._mirror.data.ptr, self.packed, form.size)
        inward = (*reversed(form.streams), (1, 0), (1, 0), (1, 0))[:3]
        wrong = gpu.cp.zeros(3, dtype=np.uint64)
        counts = [np.uint64(inward[0][0]), np.uint64(inward[1][0])]
        strides = [np.int64(stride) for _, stride in inward]
        args = [self.memory, self._mirror, np.uint64(form.size), np.uint64(form.block), *counts, *strides, wrong]
        grid = 8 * gpu.multiprocessors
        gpu.support("strided.cu", "differences", grid, 256, args)
        if not self._packing:
            for slot, (array, size) in enumerate(((self.memory, form.span[1]), (self._mirror, form.size)), 1):
                gpu.support("strided.cu", "others", grid, 256, [array, np.uint64(size), np.uint32(0xEE), wrong[slot:]])
        different, written, given = (int(v) for v in wrong.get())
        return different == 0 and written == given


def _pcie_of_mapped(machine, axes, samples):
    return pcie(machine, axes, samples) if axes["form"] == "mapped" else None


@probe(
    "datatype/strided.cu",
    budget=0.5,
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
    stride=values([1024, 8192], quick=[1024], full=[16, 128, 512, 1024, 8192], open=True, unit="B"),
    dims=_DIMS,
    word=values(WIDTHS, full=WIDTHS),
    knobs=["direction", "word", "dims"],
    measures=[bandwidth(), seconds()],
    limit=_pcie_of_mapped,
    needs=[gpu_memory(lambda axes: 2 * _ON_GPU)],
    sass={"sm_80+": [loop(_opcode("LDG"), count=4), loop(_opcode("STG"), count=4)]},
    where=lambda form, direction, bytes, block, stride, dims, word: (
        word == math.gcd(WIDTHS[-1], block, stride)  # what the plan says for all of them, and quickly
        and _sensible(bytes=bytes, block=block, stride=stride, dims=dims, largest=_ON_GPU)
        and word == plan(box(bytes, block, stride, dims)).word
        and (form == "device" or (dims == 2 and bytes >= 4096))
    ),
    fits="pack",
)
def kernel(gpu, *, form, direction, bytes, block, stride, dims, word):
    """A kernel packs blocks of device memory, or unpacks them; the packed side is in device or in mapped host memory.

    Bytes in device memory are read and written, and count twice; those that go to mapped memory and back count once,
    as copies to the host do. `word` is how many bytes a thread moves at a time: what the alignment allows.
    """
    layout = _Layout(gpu, box(bytes, block, stride, dims), direction, form)
    launched = plan(layout.form)
    return gpu.launch(
        grid=launched.grid(gpu.multiprocessors),
        block=THREADS,
        args=[layout.memory, layout.packed, *launched.arguments],
        work=(2 if form == "device" else 1) * bytes,
        poison=layout.poison,
        verify=layout.verify,
    )


@probe(
    None,
    method=values(["memcpy_2d", "memcpy_3d", "per_block"], quick=["memcpy_2d"]),
    direction=_DIRECTION,
    bytes=values([8 << 10, 64 << 10, 1 << 20, 16 << 20], quick=[1 << 20], open=True, unit="B"),
    block=values([8, 64, 512, 4096], quick=[512], full=[1, 8, 64, 128, 512, 4096], open=True, unit="B"),
    stride=values([8192], quick=[512], full=[512, 8192], open=True, unit="B"),
    measures=[bandwidth(), seconds()],
    needs=[gpu_memory(lambda axes: 2 * _ON_GPU)],
    where=lambda method, direction, bytes, block, stride: (
        _sensible(bytes=bytes, block=block, stride=stride, dims=3 if method == "memcpy_3d" else 2, largest=_ON_GPU)
        and (method != "per_block" or (direction == "pack" and bytes // block <= 1 << 17))
    ),
)
def copies(gpu, *, method, direction, bytes, block, stride):
    """The same by what CUDA brings: one cudaMemcpy2D or 3D, or a cudaMemcpyAsync per block; bytes count twice."""
    layout = _Layout(gpu, box(bytes, block, stride, 3 if method == "memcpy_3d" else 2), direction, "device")
    runtime, stream, packing = gpu.cp.cuda.runtime, gpu.stream.ptr, direction == "pack"
    memory, packed, kind = layout.memory.data.ptr, layout.packed.data.ptr, gpu.cp.cuda.runtime.memcpyDeviceToDevice
    checks = {"work": 2 * bytes, "poison": layout.poison, "verify": layout.verify}
    count, pitch = layout.form.streams[-1]

    def rows(at, to, rows):
        if packing:
            runtime.memcpy2DAsync(to, block, at, pitch, block, rows, kind, stream)
        else:
            runtime.memcpy2DAsync(at, pitch, to, block, block, rows, kind, stream)

    if method == "memcpy_2d":
        return gpu.call(lambda: rows(memory, packed, count), **checks)
    if method == "memcpy_3d":
        return gpu.call(_cuboid(layout, memory, packed, packing, stream), **checks)
    places = _places(layout.form)

    def one_by_one():
        for number, place in enumerate(places):
            runtime.memcpyAsync(packed + number * block, memory + place, block, kind, stream)

    return gpu.call(one_by_one, gated=False, **checks)


def _cuboid(layout, memory, packed, packing, stream):
    """One cuMemcpy3DAsync over planes of rows of blocks."""
    from cuda.bindings import driver

    (planes, plane), (rows, pitch) = layout.form.streams
    block, device = layout.form.block, driver.CUmemorytype.CU_MEMORYTYPE_DEVICE
    what = driver.CUDA_MEMCPY3D()
    what.WidthInBytes, what.Height, what.Depth = block, rows, planes
    sides = ("src", "dst") if packing else ("dst", "src")
    described = ((memory, pitch, plane // pitch), (packed, block, rows))
    for side, (address, row, height) in zip(sides, described, strict=True):
        setattr(what, f"{side}MemoryType", device)
        setattr(what, f"{side}Device", driver.CUdeviceptr(address))
        setattr(what, f"{side}Pitch", row)
        setattr(what, f"{side}Height", height)

    def copy():
        (status,) = driver.cuMemcpy3DAsync(what, driver.CUstream(stream))
        if status != driver.CUresult.CUDA_SUCCESS:
            raise RuntimeError(f"cuMemcpy3DAsync: {status.name}")

    return copy
