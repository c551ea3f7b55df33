"""Strided blocks, as MPI datatypes describe them, packed and unpacked: on the host, and by the MPI library."""

import math

import numpy as np

from gridstone import bandwidth, host_memory, mpi, probe, seconds, values
from gridstone.datatypes import pack, unpack
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


def _sensible(bytes, block, stride, dims, **_):
    """Cells that have as many dimensions as they say, in memory of a sensible size."""
    if dims == 1:
        return True
    count = bytes // block
    enough = count >= 2 * _BLOCKS_PER_ROW ** (dims - 2) and bytes % (block * _BLOCKS_PER_ROW ** (dims - 2)) == 0
    return block < stride and enough and box(bytes, block, stride, dims).span[1] <= _LARGEST_SPAN


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
            verify=lambda: np.array_equal(packed, pack(form, memory)),
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
    unpack(form, packed, wanted)
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
    bytes=_BYTES,
    block=_BLOCK,
    stride=_STRIDE,
    dims=_DIMS,
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
        run = (lambda: pack(form, memory, packed)) if packing else (lambda: unpack(form, packed, memory))
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
            return np.array_equal(packed, pack(form, memory))
        return _only_the_blocks(form, memory, packed)

    return host.call(
        repeat,
        work=form.size,
        poison=lambda: (packed if packing else memory).fill(0xEE),
        verify=verify,
    )
