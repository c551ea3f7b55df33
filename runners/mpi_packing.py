"""MPI_Pack and MPI_Unpack of a form by the library of the ranks, in host memory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from gridstone import content
from gridstone.datatypes.strided import Strided

_layouts = content.load_module(Path(__file__).with_name("layouts.py"))


def library(rank: Any, *, direction: str, bytes: int, block: int, stride: int, dims: int) -> Any:
    """A program of one rank that packs or unpacks one element of the form."""
    form = _layouts.box(bytes, block, stride, dims)
    datatype, comm = _datatype(rank.MPI, form), rank.comm
    one = datatype.Create_resized(0, form.span[1]).Commit()  # mpi4py counts elements by the bytes of the buffer
    datatype.Free()
    memory, packed = rank.array(form.span[1]), rank.array(form.size)
    if direction == "pack":
        memory[:] = _layouts.marked(memory.size)
        return rank.Program(
            step=lambda: one.Pack(memory, packed, 0, comm) and None,
            aligned=False,
            poison=lambda: packed.fill(0xEE),
            verify=lambda: _layouts.done(form, memory, packed, direction),
        )
    packed[:] = _layouts.marked(packed.size)
    return rank.Program(
        step=lambda: one.Unpack(packed, 0, memory, comm),
        aligned=False,
        poison=lambda: memory.fill(0xEE),
        verify=lambda: _layouts.done(form, memory, packed, direction),
    )


def _datatype(mpi: Any, form: Strided) -> Any:
    """The committed MPI datatype of a form: hvectors around as wide integers as fill the block."""
    width = math.gcd(form.block, 8)
    word = {1: mpi.UINT8_T, 2: mpi.UINT16_T, 4: mpi.UINT32_T, 8: mpi.UINT64_T}[width]
    made = word.Create_contiguous(form.block // width)
    for count, stride in reversed(form.streams):
        inner, made = made, made.Create_hvector(count, 1, stride)
        inner.Free()
    return made.Commit()
