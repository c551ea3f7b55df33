"""What datatypes are packed from and into: which buffers are taken, and what is said of the others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridstone.datatypes import Strided, pack, unpack
from gridstone.datatypes.device import extent
from gridstone.datatypes.strided import strided
from gridstone.errors import UsageError

_FORM = strided(0, 4, [(4, 16)])  # 52 bytes, of which 16 are packed


class OnDevice:
    """An array as those of a GPU describe themselves."""

    def __init__(self, array: Any, stream: int | None = None) -> None:
        described = {**array.__array_interface__, "strides": array.strides, "version": 3}
        self.__cuda_array_interface__ = {**described, "stream": stream}


def _frozen() -> Any:
    array = np.zeros(52, dtype=np.uint8)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ([0] * 52, "this list is not"),
        (None, "this NoneType is not"),
        (memoryview(bytes(104))[::2], "this memoryview is not"),
        (np.zeros(104, dtype=np.uint8)[::2], "this array is not"),
        (np.zeros((2, 3, 4)).transpose(0, 2, 1), "this array is not"),
        (np.array([None] * 8), "Python objects"),
        (bytes(51), "reaches bytes 0 to 52 of a buffer of 51 bytes"),
    ],
)
def test_what_is_no_buffer_is_named(source: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        pack(_FORM, source)


@pytest.mark.parametrize("frozen", [bytes(52), _frozen(), memoryview(bytes(52))])
def test_what_is_read_only_is_not_written(frozen: Any) -> None:
    with pytest.raises(UsageError, match="read-only"):
        unpack(_FORM, bytes(16), frozen)
    with pytest.raises(UsageError, match="read-only"):
        pack(_FORM, bytes(52), frozen)


def test_memory_in_fortran_order_is_read_and_written_where_it_lies() -> None:
    array = np.asfortranarray(np.arange(26, dtype=np.int16).reshape(13, 2))
    lying = array.ravel(order="F").copy()  # 0 2 4 ... 24 1 3 ... 25
    selected = [0, 1, 8, 9, 16, 17, 24, 25]
    for source in (array, memoryview(array)):
        assert pack(_FORM, source).view(np.int16).tolist() == lying[selected].tolist()
    unpack(_FORM, bytes(16), array)
    lying[selected] = 0
    assert array.ravel(order="F").tolist() == lying.tolist()


def test_a_gpus_packed_bytes_are_not_taken_for_the_hosts() -> None:
    with pytest.raises(UsageError, match="packed bytes are in the memory of a GPU and the source is not"):
        pack(_FORM, bytes(52), OnDevice(np.zeros(16, dtype=np.uint8)))
    with pytest.raises(UsageError, match="packed bytes are in the memory of a GPU and the target is not"):
        unpack(_FORM, OnDevice(np.zeros(16, dtype=np.uint8)), bytearray(52))


@pytest.mark.parametrize(("said", "used"), [(None, None), (1, None), (7, (0, 7))])
def test_work_goes_to_the_stream_that_an_array_names(
    monkeypatch: pytest.MonkeyPatch, said: int | None, used: tuple[int, int] | None
) -> None:
    streams = []

    def prepared(*_: Any, stream: Any, **__: Any) -> Any:
        return lambda: streams.append(stream and stream.__cuda_stream__())

    monkeypatch.setattr("gridstone.datatypes.device.prepared", prepared)
    memory, packed = (OnDevice(np.zeros(size, dtype=np.uint8), said) for size in (52, 16))
    pack(_FORM, memory, packed)
    unpack(_FORM, packed, memory)
    assert streams == [used, used]


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((3, 4)),
        np.asfortranarray(np.zeros((3, 4))),
        np.zeros((1, 5, 1)),
        np.zeros((0, 3))[:, ::2],
        np.zeros(4, dtype="U3"),
        np.array(1.0),
        np.zeros(3, dtype=[("a", "i1"), ("b", "f8")]),
    ],
)
def test_the_extent_of_contiguous_arrays(array: Any) -> None:
    assert extent(OnDevice(array)) == (array.ctypes.data, array.nbytes)


@pytest.mark.parametrize("array", [np.zeros((4, 4))[:, :2], np.zeros(5)[::-1], np.zeros((2, 3, 4)).transpose(0, 2, 1)])
def test_arrays_with_gaps_have_no_extent(array: Any) -> None:
    with pytest.raises(UsageError, match="this array is not"):
        extent(OnDevice(array))


def test_what_describes_no_memory_has_no_extent() -> None:
    with pytest.raises(UsageError, match="this bytearray is neither"):
        extent(bytearray(8))
    with pytest.raises(UsageError, match="read-only"):
        extent(_frozen(), written=True)


@pytest.mark.parametrize(
    "wrong",
    [
        {"counts": (2,), "strides": (4, 5), "order": (0,)},
        {"counts": (2, 2), "strides": (16, 8), "order": (0, 0)},
        {"counts": (0,), "strides": (4,), "order": (0,)},
    ],
)
def test_a_form_that_says_nothing_cannot_be_made(wrong: Any) -> None:
    with pytest.raises(UsageError, match="a Strided has"):
        Strided(start=0, block=4, **wrong)


@settings(max_examples=500)
@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.integers(2, 5), st.integers(-20, 20)), max_size=4),
)
def test_overlaps_are_those_of_the_bytes(block: int, streams: list[tuple[int, int]]) -> None:
    form = strided(0, block, streams)
    at = np.array([0])
    for count, stride in form.streams:
        at = (at[:, None] + np.arange(count) * stride).ravel()
    reached = (at[:, None] + np.arange(form.block)).ravel()
    assert form.overlaps == (np.unique(reached).size < reached.size)
