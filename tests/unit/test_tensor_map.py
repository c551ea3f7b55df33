"""Tensors over plain memory: each box holds the bytes that it would hold as a plain stretch."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone import content

maps: Any = content.load_module(content.folder("runners") / "cupy_tensor_map.py")


def bytes_of_box(tensor: Any, number: int) -> list[int]:
    """The offsets of the words of a box, in the order in which they land in shared memory."""
    steps = (4, *tensor.strides)
    start = number * tensor.outer * steps[-1]
    spans = [[i * step for i in range(count)] for count, step in zip(tensor.box, steps, strict=True)]
    return [start + sum(place) for place in (p[::-1] for p in itertools.product(*spans[::-1]))]


@given(
    exponent=st.integers(8, 16),
    dims=st.integers(1, 5),
    swizzle=st.sampled_from([0, 32, 64, 128]),
    number=st.integers(0, 9),
)
def test_a_box_is_a_contiguous_stretch(exponent: int, dims: int, swizzle: int, number: int) -> None:
    size, total = 2**exponent, 2**22
    try:
        tensor = maps.tensor(total, box_bytes=size, dims=dims, swizzle=swizzle)
    except ValueError:
        assert size > 4 * 256 and (dims == 1 or swizzle)
        return
    assert len(tensor.shape) == len(tensor.box) == dims == len(tensor.strides) + 1
    assert max(tensor.box) <= 256
    assert all(stride % 16 == 0 for stride in tensor.strides) and tensor.box[0] * 4 % 16 == 0
    assert not swizzle or dims == 1 or tensor.box[0] * 4 <= swizzle
    assert math.prod(tensor.shape) * 4 == total
    assert bytes_of_box(tensor, number) == list(range(number * size, (number + 1) * size, 4))


@pytest.mark.parametrize("swizzle", [0, 32, 64, 128])
def test_a_swizzle_moves_pieces_of_16_bytes_within_its_rows(swizzle: int) -> None:
    place = np.arange(0, 4096, 4)
    found = maps.landed(place, swizzle)
    assert sorted(found.tolist()) == place.tolist()
    assert (maps.landed(found, swizzle) == place).all()
    assert (found % 16 == place % 16).all()
    row = swizzle or 16
    assert (found // row == place // row).all()
    assert (found == place).all() == (swizzle == 0)


def test_the_second_row_of_128_bytes_is_turned_by_one_piece() -> None:
    assert maps.landed(128, 128) == 128 + 16
    assert maps.landed(7 * 128, 128) == 7 * 128 + 7 * 16
    assert maps.landed(8 * 128, 128) == 8 * 128
    assert maps.landed(128, 32) == 128 + 16
    assert maps.landed(256, 32) == 256


@pytest.mark.parametrize("dims", [3, 4, 5])
@pytest.mark.parametrize("offset", [0, 1, 2])
def test_columns_of_pixels_are_those_of_the_shifted_images(dims: int, offset: int) -> None:
    """Pixel by pixel as the copy engine walks: within the box of first pixels, then on in the next row."""
    sides = dims - 2
    laid = maps.images(8 << 20, box_bytes=16384, dims=dims)
    words = np.random.default_rng(dims).integers(0, 2**32, (4 << 20) // 4, dtype=np.uint32)
    pixels, channels = words.reshape(-1, laid.shape[0]), laid.shape[0]
    expected = np.zeros((laid.column, channels), np.uint32)
    box = 3
    for k in range(laid.column):
        number, place, inside = box * laid.column + k, [], True
        for _ in range(sides):
            number, at = divmod(number, 32)
            place.append(at - 1 + offset)
            inside &= 0 <= place[-1] < 32
        if inside:
            at = number
            for one in reversed(place):
                at = 32 * at + one
            expected[k] = pixels[at]
    found = maps.shifted(words, dims, offset)[box * laid.column : (box + 1) * laid.column]
    assert (found == expected).all()
    assert offset != 1 or (maps.shifted(words, dims, 1) == pixels).all()


def test_images_are_laid_without_gaps() -> None:
    laid = maps.images(4 << 30, box_bytes=16384, dims=4)
    assert laid.shape == (32, 32, 32, 32768) and laid.strides == (128, 4096, 131072) and laid.column == 128
    with pytest.raises(ValueError, match="no images"):
        maps.images(1 << 20, box_bytes=100, dims=4)
