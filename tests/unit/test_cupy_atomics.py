"""What atomics must leave behind, against the same atomics made one by one in an order of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridstone import content

atomics = content.load_module(Path(content.folder("runners")) / "cupy_atomics.py")
PAIRS = [("add", d) for d in ("u32", "u64", "f32", "f64", "f16x2", "bf16x2")]
PAIRS += [("min", "u32"), ("exch", "u32"), ("exch", "u64"), ("cas", "u32"), ("cas", "u64")]


@pytest.mark.parametrize("ways", [2, 8, 32])
@pytest.mark.parametrize("function", ["min", "exch", "cas"])
def test_lanes_that_share_words_leave_the_same_sum_in_any_order(function: str, ways: int) -> None:
    rng = np.random.default_rng(ways)
    given = atomics.operands(function, "u32")
    memory, first, swap = given
    words, held = [memory] * (32 // ways), [first + lane for lane in range(32)]
    for _ in range(33):
        for lane in rng.permutation(32):
            word, x = lane // ways, held[lane]
            held[lane] = words[word]
            if function == "min":
                words[word] = min(words[word], x)
            elif function == "exch":
                words[word] = x
            elif words[word] == x:
                words[word] = swap
    assert atomics.chained(function, "u32", given, 33, ways) == (sum(held) + sum(words)) % 2**64


@pytest.mark.parametrize(("function", "dtype"), PAIRS)
def test_a_chain_is_not_constant_from_the_first_step_on(function: str, dtype: str) -> None:
    given = atomics.operands(function, dtype)
    assert atomics.after(function, dtype, given, 0) == (given[1], given[0])
    assert atomics.after(function, dtype, given, 3) != atomics.after(function, dtype, given, 0)


def test_floats_are_added_with_the_rounding_of_their_type() -> None:
    ones = {"f32": 0x3F800000, "f64": 0x3FF0000000000000, "f16x2": 0x3C003C00, "bf16x2": 0x3F803F80}
    for dtype, one in ones.items():
        returned, word = atomics.after("add", dtype, (one, one, 0), 5)
        expected = atomics._encode(dtype, [8.0, 8.0]), atomics._encode(dtype, [13.0, 13.0])
        assert (returned, word) == expected
    tie = atomics.after("add", "bf16x2", (atomics._encode("bf16x2", [256.0, 256.0]), 0x3F803F80, 0), 1)
    assert tie[1] == atomics._encode("bf16x2", [256.0, 256.0]), "257 lies between two bfloat16, 256 is the even one"
    assert atomics.after("add", "f16x2", (0x7BFF7BFF, 0x7BFF7BFF, 0), 2)[1] == 0x7C007C00, "beyond 65504: infinity"


def left(form: Any, launches: int, blocks: int, threads: int) -> np.ndarray:
    """The words as launches of contention/atomic_fill.cu leave them, thread after thread."""
    words = np.full(blocks * threads, form.initial, form.kind)
    adders = dict.fromkeys(range(blocks * threads), 0)
    spacing = form.spacing(blocks, threads)
    for launch in range(launches):
        if form.source == "shared" or launch == 0:
            words[:] = form.initial
            adders = dict.fromkeys(adders, 0)
        for thread in range(blocks * threads):
            lane, block = thread % 32, thread // threads
            shared = block * threads if form.source == "shared" else 0
            word = lane % form.count + (thread // 32 * 32 if form.pattern == "warp" else shared)
            warp = 0 if form.pattern == "warp" else (thread - shared) // 32
            x = 1000 + 2 * thread
            if form.dtype not in ("u32", "u64"):
                adders[word] += (lane // form.count + warp * (32 // form.count)) % spacing == 0
                words[word] = atomics._encode(form.dtype, [3.0 + adders[word], 5.0 + adders[word]])
            elif form.function == "add":
                words[word] += form.kind(form.rounds * x)
            elif form.function == "min":
                words[word] = min(words[word], form.kind(x))
            elif form.function == "exch" or words[word] == form.initial:
                words[word] = form.kind(x)
    return words


@pytest.mark.parametrize("count", [1, 4, 32])
@pytest.mark.parametrize("pattern", ["all", "warp"])
@pytest.mark.parametrize("source", ["shared", "global"])
@pytest.mark.parametrize(("function", "dtype"), PAIRS)
def test_words_are_right_as_a_launch_leaves_them(
    function: str, dtype: str, source: str, pattern: str, count: int
) -> None:
    blocks, threads = 2, 64
    form = atomics.Fill(function=function, dtype=dtype, source=source, pattern=pattern, count=count, rounds=8)
    words = left(form, 2, blocks, threads)
    assert form.right(words, 2, blocks, threads)
    spoilt = words.copy()
    spoilt[count - 1] ^= form.kind(1)
    assert not form.right(spoilt, 2, blocks, threads)


@pytest.mark.parametrize("pattern", ["all", "warp"])
@pytest.mark.parametrize("source", ["shared", "global"])
@pytest.mark.parametrize(("function", "dtype"), PAIRS)
def test_words_that_no_atomic_met_are_not_right(function: str, dtype: str, source: str, pattern: str) -> None:
    blocks, threads = 2, 64
    form = atomics.Fill(function=function, dtype=dtype, source=source, pattern=pattern, count=4, rounds=8)
    untouched = np.full(blocks * threads, form.initial, form.kind)
    assert not form.right(untouched, 2, blocks, threads)
    missed = left(form, 2, blocks, threads)
    missed[3] = form.initial
    assert not form.right(missed, 2, blocks, threads)


def test_an_operand_taken_back_leaves_small_types_as_they_were() -> None:
    form = atomics.Fill(function="add", dtype="bf16x2", source="global", pattern="all", count=1, rounds=8)
    initial, plus, minus = form.operands
    added = atomics.after("add", "bf16x2", (initial, plus, 0), 1)[1]
    assert added != initial
    assert atomics.after("add", "bf16x2", (added, minus, 0), 1)[1] == initial


@pytest.mark.parametrize("count", [1, 4, 32])
@pytest.mark.parametrize("pattern", ["all", "warp"])
@pytest.mark.parametrize("source", ["shared", "global"])
@pytest.mark.parametrize("dtype", ["f16x2", "bf16x2", "f32"])
def test_no_order_of_additions_leaves_the_numbers_that_a_type_holds(
    dtype: str, source: str, pattern: str, count: int
) -> None:
    """What is kept of all launches before, and all that add once more before any takes back: no rounding.

    Shared memory starts anew with every launch.
    """
    form = atomics.Fill(function="add", dtype=dtype, source=source, pattern=pattern, count=count, rounds=8)
    adding = -(-form.sharers(132, 1024) // form.spacing(132, 1024))
    most = {"f16x2": 2**11, "bf16x2": 2**8, "f32": 2**24}[dtype]
    launches = 12 if source == "global" else 0
    assert adding > 0 and 5 + launches * adding + adding <= most


@pytest.mark.parametrize(("function", "dtype"), PAIRS)
def test_words_that_no_launch_touched_are_not_right(function: str, dtype: str) -> None:
    form = atomics.Fill(function=function, dtype=dtype, source="global", pattern="warp", count=32, rounds=8)
    assert not form.right(np.full(128, form.initial, form.kind), 0, 2, 64)
