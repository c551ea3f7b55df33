"""Strided blocks packed and unpacked in host memory: by the MPI library, and by loops and copies."""

import functools
from dataclasses import replace

import numpy as np

from gridstone import bandwidth, content, host_memory, mpi, probe, seconds, values
from gridstone.declaration.over_ranks import is_first, libraries


def _runner(name):
    return content.load_module(content.folder("runners") / f"{name}.py")


box = _runner("layouts").box
_LIBRARY = libraries()
_sensible = functools.partial(_runner("layouts").sensible, largest=256 << 20)
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


@probe(
    None,
    family="datatype",
    runner="on_mpi",
    budget=0.2,
    library=_LIBRARY,
    direction=_DIRECTION,
    bytes=_BYTES,
    block=_BLOCK,
    stride=_STRIDE,
    dims=_DIMS,
    measures=[bandwidth(), seconds()],
    needs=[mpi(lambda axes: axes["library"], lambda _: 1), host_memory(lambda axes: 4 * _LARGEST_SPAN)],
    where=lambda library, direction, **layout: _sensible(**layout),
    standard=lambda library, dims, bytes, **_: dims == 2 or (is_first(library, _LIBRARY) and bytes < 1 << 20),
    fits="pack",
)
def library(mpi, *, library, direction, **layout):
    """MPI_Pack and MPI_Unpack of one element in host memory; bytes are those of the packed side, counted once."""
    axes = {"direction": direction, **layout}
    return mpi.work(_runner("mpi_packing").library, library=library, ranks=1, axes=axes, work=layout["bytes"])


@probe(
    None,
    family="datatype",
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
    (memory if packing else packed)[:] = _runner("layouts").marked(memory.size if packing else packed.size)
    run = _runner("host_packing").way(host, method, form, memory, packed, direction)

    def repeat(passes):
        for _ in range(passes):
            run()

    return host.call(
        repeat,
        work=form.size,
        poison=lambda: (packed if packing else memory).fill(0xEE),
        verify=lambda: _runner("layouts").done(form, memory, packed, direction),
    )
