"""Strided blocks in host memory by what needs no MPI: NumPy, a loop compiled by numba, a copy per block."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridstone import content, datatypes
from gridstone.datatypes.strided import Strided

_layouts = content.load_module(Path(__file__).with_name("layouts.py"))


def way(
    host: Any, method: str, form: Strided, memory: NDArray[np.uint8], packed: NDArray[np.uint8], direction: str
) -> Callable[[], object]:
    """What packs `memory` into `packed`, or unpacks it, once: `numpy`, `numba` or `blocks`."""
    packing = direction == "pack"
    if method == "blocks":
        return _block_by_block(form, memory, packed, packing)
    if method == "numpy":
        if packing:
            return lambda: datatypes.pack(form, memory, packed)
        return lambda: datatypes.unpack(form, packed, memory)
    # Up to three streams around the block; missing ones have one step.
    counts, strides = (np.array(v) for v in zip(*([(1, 0)] * 3 + list(form.streams))[-3:], strict=True))
    copy = host.loops.pack_blocks if packing else host.loops.unpack_blocks
    return lambda: copy(packed, memory, form.block, counts, strides)


def _block_by_block(
    form: Strided, memory: NDArray[np.uint8], packed: NDArray[np.uint8], packing: bool
) -> Callable[[], object]:
    """One copy per block, as a program without datatypes writes it; each is a call of the C library's memcpy."""
    places = _layouts.places(form)
    block = form.block

    def run() -> None:
        at = 0
        for place in places:
            if packing:
                packed[at : at + block] = memory[place : place + block]
            else:
                memory[place : place + block] = packed[at : at + block]
            at += block

    return run
