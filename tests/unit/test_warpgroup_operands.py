"""Operands and results of wgmma as the PTX ISA lays them out, element by element where the code takes whole arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gridstone import content

warpgroup = content.load_module(content.folder("runners") / "warpgroup.py")
formats = warpgroup.formats
PAIRS = ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))


def shape(kind: tuple[str, str, str], **given: Any) -> Any:
    a_type, b_type, acc_type = kind
    return warpgroup.Shape(a_type=a_type, b_type=b_type, acc_type=acc_type, **{"n": 16, **given})


def drawn(one: Any) -> Any:
    letters = (formats.exact(one.a_type), formats.exact(one.b_type))
    return warpgroup.operands(one, *letters, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("dtype", "sparse", "k"),
    [
        ("f16", False, 16),
        ("tf32", False, 8),
        ("e4m3", False, 32),
        ("b1", False, 256),
        ("f16", True, 32),
        ("s8", True, 64),
    ],
)
def test_an_instruction_takes_32_bytes_of_each_row_of_a(dtype: str, sparse: bool, k: int) -> None:
    one = shape((dtype, dtype, "s32"), sparse=sparse)
    given = drawn(one)
    assert one.k == k
    assert given.a.nbytes == 64 * one.slices * 32
    assert given.b.nbytes == one.n * 128
    assert warpgroup.dense(one, given).shape == (64, one.slices, k)


@pytest.mark.parametrize("dtype", ["f16", "tf32", "e4m3"])
def test_a_sparse_row_keeps_its_elements_in_order(dtype: str) -> None:
    one = shape((dtype, dtype, "f32"), sparse=True)
    given = drawn(one)
    full = warpgroup.dense(one, given)
    assert np.count_nonzero(full) == np.count_nonzero(formats.decode(dtype, given.a))
    width, kept = (2, 1) if dtype == "tf32" else (4, 2)
    groups = full.reshape(64, one.slices, -1, width)
    assert (np.count_nonzero(groups, axis=-1) <= kept).all()
    np.testing.assert_allclose(full.sum(axis=-1), formats.decode(dtype, given.a).sum(axis=-1))


@pytest.mark.parametrize("dtype", ["bf16", "tf32", "e5m2"])
def test_metadata_lies_in_the_threads_that_the_figures_name(dtype: str) -> None:
    one = shape((dtype, dtype, "f32"), sparse=True, warpgroups=2)
    given = drawn(one)
    words = warpgroup.metadata(one, given)
    assert words.shape == (2, one.slices, 128)
    for row in range(128):
        group_of_rows, within = divmod(row % 64, 16)
        upper, quad = divmod(within, 8)
        for group in range(given.kept.shape[-1]):
            if formats.BITS[dtype] == 8:
                thread, shift = 4 * quad + 2 * (group // 8) + upper, 4 * (group % 8)
            else:
                thread, shift = 4 * quad + group // 4, 4 * (group % 4) + 16 * upper
            kept = int(given.kept[row, 1, group])
            low, high = PAIRS[kept]
            wanted = (0b0100, 0b1110)[kept] if dtype == "tf32" else low | high << 2
            assert int(words[row // 64, 1, 32 * group_of_rows + thread]) >> shift & 15 == wanted


@pytest.mark.parametrize(("kind", "each"), [(("f16", "f16", "f32"), 4), (("f16", "f16", "f16"), 2)])
def test_accumulators_are_read_from_the_fragments(kind: tuple[str, str, str], each: int) -> None:
    one = shape(kind, warpgroups=2, ilp=2)
    registers = one.n // 8 * each
    stored = np.zeros((2, 2, registers, 128, 4 // each), np.float32 if each == 4 else np.float16)
    for register in range(registers):
        for thread in range(128):
            warp, lane = divmod(thread, 32)
            block, place = divmod(register, each)
            for half in range(4 // each):
                row = 16 * warp + lane // 4 + 8 * (place // 2 if each == 4 else place)
                column = 8 * block + 2 * (lane % 4) + (place % 2 if each == 4 else half)
                stored[:, :, register, thread, half] = 16 * row + column
    found = warpgroup.accumulators(one, stored.view(np.uint8).ravel())
    assert (found == np.arange(64 * 16).reshape(64, 16)).all()
    assert 4 * one.words_out == stored.nbytes


@pytest.mark.parametrize("ilp", [1, 2, 4])
@pytest.mark.parametrize("sparse", [False, True])
def test_one_iteration_adds_the_products_of_all_slices(ilp: int, sparse: bool) -> None:
    one = shape(("s8", "u8", "s32"), sparse=sparse, ilp=ilp, warpgroups=2)
    given = drawn(one)
    a, b = warpgroup.dense(one, given), formats.decode("u8", given.b)
    total = np.einsum("rsk,nsk->rn", a, b) * warpgroup.UNROLL / one.slices
    np.testing.assert_array_equal(warpgroup.expected(one, given).sum(axis=1).reshape(128, 16), total)
