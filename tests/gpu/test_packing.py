"""Packing in the memory of the GPU gives the bytes that packing on the host gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridstone.datatypes import Strided, pack, unpack
from gridstone.datatypes.strided import strided
from gridstone.errors import UsageError

_ROOM = 1 << 20
streams = st.lists(st.tuples(st.integers(1, 9), st.integers(-200, 200).map(lambda v: 8 * v)), max_size=5)
forms = st.builds(strided, st.integers(0, 64), st.sampled_from([1, 2, 3, 4, 8, 16, 48, 100]), streams).filter(
    lambda form: form.span[0] >= -_ROOM // 2 and form.span[1] <= _ROOM // 2
)


@pytest.fixture(scope="module")
def cp() -> Any:
    return pytest.importorskip("cupy")


@settings(max_examples=100)
@given(forms)
def test_packing_and_unpacking_on_the_device(cp: Any, form: Strided) -> None:
    memory = np.random.default_rng(form.size).integers(0, 256, _ROOM, dtype=np.uint8)
    expected = pack(form, memory, origin=_ROOM // 2)
    stream = cp.cuda.get_current_stream()
    packed = pack(form, cp.asarray(memory), origin=_ROOM // 2, stream=stream)
    assert np.array_equal(packed.get(), expected)
    if not form.overlaps:
        ours, target = np.zeros(_ROOM, dtype=np.uint8), cp.zeros(_ROOM, dtype=cp.uint8)
        unpack(form, expected, ours, origin=_ROOM // 2)
        unpack(form, packed, target, origin=_ROOM // 2, stream=stream)
        assert np.array_equal(target.get(), ours)


def test_packing_to_page_locked_memory(cp: Any) -> None:
    form = strided(16, 64, [(50, 4096), (7, 256)])
    memory = cp.asarray(np.random.default_rng(1).integers(0, 256, _ROOM, dtype=np.uint8))
    landing = np.frombuffer(cp.cuda.alloc_pinned_memory(form.size), dtype=np.uint8, count=form.size)
    assert pack(form, memory, landing, stream=cp.cuda.get_current_stream()) is landing
    cp.cuda.get_current_stream().synchronize()
    assert np.array_equal(landing, pack(form, memory.get()))


def test_what_does_not_fit_is_refused(cp: Any) -> None:
    form = strided(0, 8, [(4, 64)])
    with pytest.raises(UsageError, match="reaches bytes 0 to 200 of a buffer of 199 bytes"):
        pack(form, cp.zeros(199, dtype=cp.uint8))
    with pytest.raises(UsageError, match="has 32 bytes, its buffer 31"):
        pack(form, cp.zeros(200, dtype=cp.uint8), cp.zeros(31, dtype=cp.uint8))
    with pytest.raises(UsageError, match="this array is not"):
        pack(form, cp.zeros((20, 20), dtype=cp.uint8)[:, :10])


def test_words_that_are_many_and_narrow(cp: Any) -> None:
    """More words than a GPU has threads, and a number that fills no tile: threads take several, the last too many."""
    memory = np.random.default_rng(2).integers(0, 256, 3 << 20, dtype=np.uint8)
    stream = cp.cuda.get_current_stream()
    for block, stride in ((1, 3), (2, 6), (12, 20), (24, 40), (129, 257)):
        form = strided(0, block, [((3 << 20) // stride, stride)])
        packed = pack(form, cp.asarray(memory), stream=stream)
        assert np.array_equal(packed.get(), pack(form, memory)), (block, stride)
        ours, target = np.zeros(memory.size, dtype=np.uint8), cp.zeros(memory.size, dtype=cp.uint8)
        unpack(form, packed.get(), ours)
        unpack(form, packed, target, stream=stream)
        assert np.array_equal(target.get(), ours), (block, stride)


def test_the_wire_is_measured_right(measure: Any) -> None:
    rows = measure("datatype/side", "datatype/contiguous", "--profile", "quick")
    bad = rows[~rows["status"].isin(["ok", "throttled"])]
    assert bad.empty, bad[["probe", "status", "reason"]].to_string()
    assert len(rows) and rows["verified"].fillna(False).all()


def test_cells_are_right_and_large_blocks_near_the_copy_rate(measure: Any) -> None:
    rows = measure(
        "datatype/kernel", "datatype/copies", "copy/device", "--profile", "quick",
        "-a", "datatype/kernel.form=device,mapped", "-a", "datatype/*.direction=pack,unpack",
        "-a", "datatype/kernel.block=8,128,4096", "-a", "datatype/kernel.stride=8192",
        "-a", "datatype/kernel.dims=2,3", "-a", "datatype/*.bytes=64KiB,16MiB",
        "-a", "datatype/copies.method=memcpy_2d,memcpy_3d,per_block", "-a", "datatype/copies.block=4096",
        "-a", "datatype/copies.stride=8192", "-a", "copy/device.bytes=16MiB",
    )  # fmt: skip
    bad = rows[~rows["status"].isin(["ok", "throttled"])]
    assert bad.empty, bad[["probe", "status", "reason"]].to_string()
    assert rows["verified"].fillna(False).all()
