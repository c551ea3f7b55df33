"""pack_time: strided blocks packed into contiguous bytes, or unpacked."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from gridstone.model.artifact import Artifact
from gridstone.model.prediction import Amount, Extrapolate, OutOfDomain, Prediction, plain

_WIDEST_WORD = 16  # bytes that a thread loads at once, at most


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
    for a place that was not measured, OutOfDomain outside the measured box. On a GPU the interval of blocks that take
    narrower words than those measured reaches as far up as the more loads could (24 B, three words of 8: twice).
    """
    law = model.function("pack_time").law(where=where, direction=direction)
    answer = law.at(extrapolate, dims=dims, stride=stride, block=block, bytes=bytes)
    return replace(answer, hi=plain(answer.hi * _more_words(block, stride))) if where.startswith("gpu/") else answer


def _more_words(block: Amount, stride: Amount) -> Amount:
    """How many times as many loads a block takes as a measured one of its size would.

    A kernel loads the widest word that divides block and stride. Measured blocks are powers of two at even strides,
    so that no cell says whether three words of 8 bytes cost what one and a half of 16 would. Raises OutOfDomain for
    what is no whole number of bytes.
    """
    blocks, strides = np.broadcast_arrays(np.asarray(block, dtype=float), np.asarray(stride, dtype=float))
    if not np.all((blocks == np.round(blocks)) & (strides == np.round(strides))):
        raise OutOfDomain("block and stride are whole bytes")
    word = np.gcd(np.gcd(blocks.astype(np.int64), strides.astype(np.int64)), _WIDEST_WORD)
    return np.asarray(np.minimum(blocks, _WIDEST_WORD) / word)
