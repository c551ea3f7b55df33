"""Strided blocks without MPI: how they reduce, how the kernel is told of them, and what it then computes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.datatypes import Strided, pack, unpack
from gridstone.datatypes import plan as plans
from gridstone.datatypes.plan import magic, pieces, plan
from gridstone.datatypes.strided import repeated, strided
from gridstone.errors import UsageError

_ROOM = 1 << 20
streams = st.lists(st.tuples(st.integers(1, 6), st.integers(-80, 80).map(lambda v: 16 * v)), max_size=3)
forms = st.builds(strided, st.integers(0, 64), st.sampled_from([1, 2, 3, 4, 8, 12, 16, 48, 64]), streams)


def _offsets(form: Strided) -> np.ndarray:
    """Every byte that a form reaches, in the order of packing, from its definition."""
    at = np.array([form.start])
    for count, stride in form.streams:
        at = (at[:, None] + np.arange(count) * stride).ravel()
    return (at[:, None] + np.arange(form.block)).ravel()


def _kernel(form: Strided, alignment: int) -> np.ndarray:
    """The bytes that strided.cu reaches, relative to the first block, computed as it does with 32-bit numbers."""
    made = plan(form, alignment)
    words, per_block, m0, s0, inner, m1, s1, middle, m2, s2, *strides = (int(v) for v in made.arguments)

    def quotient(n: np.ndarray, multiplier: int, shift: int) -> np.ndarray:
        total = (n * multiplier >> 32) + n
        assert (total < 1 << 32).all() and multiplier < 1 << 32
        return total >> shift

    p = np.arange(words)
    b = quotient(p, m0, s0) if made.dims > 1 else p * 0
    at = (p - b * per_block) * made.word if made.dims > 1 else p * made.word
    row = quotient(b, m1, s1) if made.dims > 2 else b * 0
    at = at + (b - row * inner if made.dims > 2 else b) * strides[0]
    plane = quotient(row, m2, s2) if made.dims > 3 else row * 0
    at = at + (row - plane * middle if made.dims > 3 else row) * strides[1] + plane * strides[2]
    return (at[:, None] + np.arange(made.word)).ravel()


@given(forms)
def test_the_kernel_reaches_the_bytes_of_the_form(form: Strided) -> None:
    for alignment in (1, 4, 16):
        assert np.array_equal(_kernel(form, alignment) + form.start, _offsets(form))


@given(forms, st.sampled_from([1, 2, 4, 8, 16]))
def test_words_are_as_wide_as_everything_is_aligned(form: Strided, alignment: int) -> None:
    word = plan(form, alignment).word
    assert word in plans.WIDTHS and alignment % word == 0
    assert all(part % word == 0 for part in (form.block, *form.strides))
    assert word == 16 or any(part % (2 * word) for part in (alignment, form.block, *form.strides))


@given(st.integers(1, (1 << 31) - 1), st.integers(0, (1 << 31) - 1))
def test_division_by_multiplication(divisor: int, n: int) -> None:
    multiplier, shift = magic(divisor)
    for number in (n, n // divisor * divisor, max(0, n // divisor * divisor - 1), (1 << 31) - 1):
        total = (number * multiplier >> 32) + number
        assert multiplier < 1 << 32 and total < 1 << 32
        assert total >> shift == number // divisor


@given(st.integers(0, 9), st.integers(1, 5), st.lists(st.tuples(st.integers(1, 5), st.integers(-40, 40)), max_size=6))
def test_pieces_pack_what_the_whole_does(start: int, block: int, given_streams: list[tuple[int, int]]) -> None:
    form = strided(start, block, given_streams)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plans, "_MOST_WORDS", 64)
        cut = list(pieces(form))
    assert all(len(piece.counts) <= 3 and piece.size < 64 for _, piece in cut)
    ends = [offset + piece.size for offset, piece in cut]
    assert [offset for offset, _ in cut] == [0, *ends][: len(cut)] and ends[-1] == form.size
    assert np.array_equal(np.concatenate([_offsets(piece) for _, piece in cut]), _offsets(form))


@given(forms)
def test_host_packing_and_unpacking_are_inverse(form: Strided) -> None:
    memory = np.random.default_rng(1).integers(0, 256, _ROOM, dtype=np.uint8)
    origin = _ROOM // 2
    packed = pack(form, memory, origin=origin)
    assert np.array_equal(packed, memory[_offsets(form) + origin])
    if form.overlaps:
        with pytest.raises(UsageError, match="reaches a byte twice"):
            unpack(form, packed, memory, origin=origin)
        return
    target = np.zeros(_ROOM, dtype=np.uint8)
    unpack(form, packed, target, origin=origin)
    at = _offsets(form) + origin
    assert np.array_equal(target[at], packed) and target.sum(dtype=np.int64) == packed.sum(dtype=np.int64)


@given(forms)
def test_the_span_is_what_is_reached(form: Strided) -> None:
    reached = _offsets(form)
    assert form.span == (reached.min(), reached.max() + 1)
    assert form.size == reached.size
    if not form.overlaps:
        assert np.unique(reached).size == reached.size


@given(forms)
def test_strides_are_sorted_and_the_order_kept(form: Strided) -> None:
    sizes = [abs(stride) for stride in form.strides]
    assert sizes == sorted(sizes, reverse=True)
    assert sorted(form.order) == list(range(len(form.counts)))
    steps = sorted(zip(form.packed_strides, form.counts, strict=True), reverse=True)
    inner = form.block
    for step, count in reversed(steps):
        assert step == inner
        inner *= count
    assert inner == form.size


def test_an_empty_form_stays_empty() -> None:
    empty = strided(5, 4, [(0, 8)])
    assert (empty.size, empty.span, list(pieces(empty))) == (0, (0, 0), [])
    assert repeated(empty, [(3, 16)]) == empty
    assert pack(empty, b"").size == 0
    with pytest.raises(ValueError, match="that holds bytes"):
        plan(empty)


def test_few_words_are_spread_and_many_taken_together() -> None:
    few, large = plan(strided(0, 16, [(1000, 64)])), plan(strided(0, 1 << 30))
    assert (few.unroll, few.threads, few.grid) == (1, 128, 8)
    assert (large.unroll, large.threads, large.grid) == (4, 256, (1 << 30) // 16 // 1024)
    assert large.defines("pack") == {"WORD": "16", "UNROLL": "4", "DIMS": "1", "DIRECTION_PACK": "1"}
    crowded = [plan(strided(0, word, [(1 << 20, 2 * word)])).unroll for word in (1, 2, 4, 8, 16)]
    assert crowded == [4, 4, 2, 2, 1]  # of 16-byte words two come with a burst
    assert [plan(strided(0, word, [(1 << 20, 128)])).unroll for word in (1, 2, 4, 8, 16)] == [1] * 5


@given(forms)
def test_the_grid_has_a_thread_for_every_word(form: Strided) -> None:
    made = plan(form)
    each = made.threads * made.unroll
    assert (made.grid - 1) * each < made.words <= made.grid * each


def test_bytes_objects_can_be_packed() -> None:
    form = strided(1, 1, [(3, 2)])
    assert pack(form, b"abcdefg").tobytes() == b"bdf"
    assert math.prod(form.counts) == 3


def test_a_target_given_is_returned(tmp_path: Any) -> None:
    target = np.zeros(4, dtype=np.uint8)
    assert pack(strided(0, 2), b"xyz", target) is target
    assert target.tobytes() == b"xy\0\0"
