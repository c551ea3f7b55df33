"""Tensor maps: boxes of contiguous bytes as boxes of a tensor, and the 128 bytes by which a copy engine knows it."""

from __future__ import annotations

import ctypes
import itertools
import math
from dataclasses import dataclass
from typing import Any

_WORD = 4  # elements are 32-bit words
_MOST = 256  # elements of a box along one dimension
_ROW = 128  # bytes of the innermost dimension, where no swizzle asks for fewer
_SIDE = 32  # pixels of an image along each dimension
_MIDDLE = 4  # elements along the dimensions between the innermost and the outermost
_ROWS_IN_PATTERN = {0: 1, 32: 2, 64: 4, 128: 8}  # a swizzle repeats after so many rows of 128 bytes


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A tensor of 32-bit words whose boxes, one behind the other along the outermost dimension, are contiguous.

    shape, box: elements by dimension, the innermost first. strides: bytes, from the second dimension on. outer: how far
    boxes lie apart along the outermost dimension. swizzle: 0, or bytes of the pattern.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    box: tuple[int, ...]
    swizzle: int = 0

    @property
    def outer(self) -> int:
        """Elements of a box along the outermost dimension."""
        return self.box[-1]


def tensor(size: int, *, box_bytes: int, dims: int, swizzle: int = 0) -> Tensor:
    """`size` bytes as a tensor of `dims` dimensions whose boxes hold `box_bytes` contiguous bytes each.

    Raises ValueError where a box would be longer than 256 elements along a dimension.
    """
    if dims == 1:
        box: tuple[int, ...] = (box_bytes // _WORD,)
    else:
        row = swizzle or max(_ROW, box_bytes // _MOST)
        rows = box_bytes // row
        middle = []
        for _ in range(dims - 2):
            middle.append(math.gcd(_MIDDLE, rows))
            rows //= middle[-1]
        box = (row // _WORD, *middle, rows)
    if max(box) > _MOST or math.prod(box) * _WORD != box_bytes:
        raise ValueError(f"{box_bytes} bytes are no box of {dims} dimensions and {swizzle} bytes of swizzle")
    inside = list(itertools.accumulate(box[:-1], lambda a, b: a * b, initial=_WORD))
    return Tensor(shape=(*box[:-1], size // inside[-1]), strides=tuple(inside[1:]), box=box, swizzle=swizzle)


def landed(place: Any, swizzle: int) -> Any:
    """From which byte of a box the byte at `place` of shared memory comes: a swizzle exchanges 16-byte pieces."""
    return place ^ ((place >> 7 & _ROWS_IN_PATTERN[swizzle] - 1) << 4)


@dataclass(frozen=True, kw_only=True)
class Images:
    """Images of 32-bit channels whose columns of pixels (im2col), one behind the other, are contiguous.

    shape: elements by dimension: channels, width and so on, images. strides: bytes, from the second dimension on.
    column: pixels that a copy brings. The filter has three places in every dimension, its middle is offset 1, and
    beyond the edges of an image there are zeros.
    """

    shape: tuple[int, ...]
    strides: tuple[int, ...]
    column: int


def images(size: int, *, box_bytes: int, dims: int) -> Images:
    """`size` bytes as images, 32 pixels a side, with 1 to 3 of 3 to 5 dimensions between channels and images.

    Raises ValueError where these bytes are no column, or fewer than an image.
    """
    sides = (_SIDE,) * (dims - 2)
    inside = list(itertools.accumulate(sides, lambda a, b: a * b, initial=_ROW))
    if not 3 <= dims <= 5 or box_bytes % _ROW or size < inside[-1]:
        raise ValueError(f"{size} bytes are no images of {dims} dimensions in columns of {box_bytes} bytes")
    return Images(shape=(_ROW // _WORD, *sides, size // inside[-1]), strides=tuple(inside), column=box_bytes // _ROW)


def image_bytes(dims: int) -> int:
    """Bytes of one image of so many dimensions."""
    return _ROW * int(_SIDE ** (dims - 2))


def shifted(pixels: Any, dims: int, offset: int) -> Any:
    """What columns hold at another offset of the filter: whole images of pixels (images, ..., channels), moved.

    pixels: as they lie in memory, an array of any shape that is whole images. Zeros come in from beyond the edges.
    """
    import numpy as np

    sides = dims - 2
    whole = pixels.reshape(-1, *(_SIDE,) * sides, _ROW // _WORD)
    padded = np.pad(whole, [(0, 0), *[(1, 1)] * sides, (0, 0)])
    window = (slice(offset, offset + _SIDE),) * sides
    return padded[(slice(None), *window)].reshape(-1, _ROW // _WORD)


def encoded(laid: Tensor | Images, address: int) -> bytes:
    """The tensor map of a tensor, or of images, at a device address. Raises RuntimeError where the driver refuses.

    The driver's function is called with memory that is aligned as it must be; the object of cuda-bindings 13 that would
    hold the result is not. A CUDA context must be current.
    """
    from cuda.bindings import driver

    room = ctypes.create_string_buffer(256)
    aligned = -(-ctypes.addressof(room) // 128) * 128
    rank, swizzle = len(laid.shape), laid.swizzle if isinstance(laid, Tensor) else 0
    swizzles = driver.CUtensorMapSwizzle
    pattern = {
        0: swizzles.CU_TENSOR_MAP_SWIZZLE_NONE,
        32: swizzles.CU_TENSOR_MAP_SWIZZLE_32B,
        64: swizzles.CU_TENSOR_MAP_SWIZZLE_64B,
        128: swizzles.CU_TENSOR_MAP_SWIZZLE_128B,
    }
    library = ctypes.CDLL("libcuda.so.1")
    if isinstance(laid, Tensor):
        encode, box = library.cuTensorMapEncodeTiled, [(ctypes.c_uint32 * rank)(*laid.box)]
    else:
        # The first pixels of all columns: from one pixel ahead of the image to two before its end.
        corner = (ctypes.c_int * (rank - 2))(*[-1] * (rank - 2))
        encode = library.cuTensorMapEncodeIm2col
        box = [corner, corner, ctypes.c_uint32(laid.shape[0]), ctypes.c_uint32(laid.column)]
    status = encode(
        ctypes.c_void_p(aligned),
        ctypes.c_int(int(driver.CUtensorMapDataType.CU_TENSOR_MAP_DATA_TYPE_UINT32)),
        ctypes.c_uint32(rank),
        ctypes.c_void_p(address),
        (ctypes.c_uint64 * rank)(*laid.shape),
        (ctypes.c_uint64 * max(1, rank - 1))(*laid.strides),
        *box,
        (ctypes.c_uint32 * rank)(*[1] * rank),
        ctypes.c_int(int(driver.CUtensorMapInterleave.CU_TENSOR_MAP_INTERLEAVE_NONE)),
        ctypes.c_int(int(pattern[swizzle])),
        ctypes.c_int(int(driver.CUtensorMapL2promotion.CU_TENSOR_MAP_L2_PROMOTION_L2_256B)),
        ctypes.c_int(int(driver.CUtensorMapFloatOOBfill.CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE)),
    )
    if status:
        raise RuntimeError(f"the driver encodes no tensor map of {laid} ({driver.CUresult(status).name})")
    return ctypes.string_at(aligned, 128)


def install(gpu: Any, laid: Tensor | Images, array: Any) -> None:
    """Put a tensor map of a device array where the cell's kernel has it: its __constant__ tensor_map."""
    import numpy as np

    words = gpu.alloc(128).view(np.uint64)
    words.set(np.frombuffer(encoded(laid, int(array.data.ptr)), dtype=np.uint64))
    gpu.copy_to_constant("tensor_map", words)
