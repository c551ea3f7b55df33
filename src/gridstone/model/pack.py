"""pack_time: strided blocks packed into contiguous bytes, or unpacked."""

from __future__ import annotations

from typing import Literal

from gridstone.model.artifact import Artifact
from gridstone.model.prediction import Amount, Extrapolate, Prediction


def pack_time(
    model: Artifact,
    /,
    *,
    bytes: Amount,
    block: Amount,
    stride: Amount,
    dims: Amount = 2,
    where: str = "host/numpy",
    direction: Literal["pack", "unpack"] = "pack",
    extrapolate: Extrapolate = "refuse",
) -> Prediction:
    """Seconds to pack `bytes` bytes that lie in blocks of `block` bytes, `stride` bytes apart.

    dims: dimensions of the form, the block counted: 2 for a vector of blocks, 3 for rows of them. where: `host/numpy`,
    `host/numba`, `host/blocks` (one copy per block), `mpi/mpich`, `mpi/openmpi` (the library's own MPI_Pack),
    `gpu/device`, `gpu/mapped` (a kernel, to device memory or to host memory that it addresses). Raises UsageError
    for a place that was not measured, OutOfDomain outside the measured box.
    """
    law = model.function("pack_time").law(where=where, direction=direction)
    return law.at(extrapolate, dims=dims, stride=stride, block=block, bytes=bytes)
