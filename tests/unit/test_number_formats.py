"""Codes of tensor cores' number formats: there and back, rounding, saturation, and the alphabets drawn from."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone import content

formats = content.load_module(content.folder("runners") / "number_formats.py")
SMALL = ("e4m3", "e5m2", "f16", "bf16")


@pytest.mark.parametrize("dtype", SMALL)
def test_every_finite_code_comes_back(dtype: str) -> None:
    codes = np.arange(1 << formats.BITS[dtype]).astype(formats.word(dtype))
    values = formats.decode(dtype, codes)
    finite = np.isfinite(values)
    assert (formats.encode(dtype, values[finite]) == codes[finite]).all()


def test_f16_is_numpys() -> None:
    codes = np.arange(1 << 16, dtype=np.uint16)
    np.testing.assert_array_equal(formats.decode("f16", codes), codes.view(np.float16).astype(np.float64))


@given(st.floats(-60000, 60000))
def test_f16_rounds_as_numpy_does(value: float) -> None:
    assert formats.encode("f16", np.array([value]))[0] == np.float16(value).view(np.uint16)


@given(st.floats(-440, 440), st.sampled_from(SMALL[:2]))
def test_the_code_is_the_nearest(value: float, dtype: str) -> None:
    values = formats.decode(dtype, np.arange(256, dtype=np.uint8))
    nearest = np.nanmin(np.abs(values[np.isfinite(values)] - value))
    assert abs(formats.decode(dtype, formats.encode(dtype, np.array([value])))[0] - value) == nearest


@pytest.mark.parametrize(("dtype", "most", "least"), [("e4m3", 448.0, 2.0**-9), ("e5m2", 57344.0, 2.0**-16)])
def test_the_ends_of_fp8(dtype: str, most: float, least: float) -> None:
    given_ = np.array([1e9, -np.inf, np.nan, least, least / 2, 1.5 * least, -0.0])
    back = formats.decode(dtype, formats.encode(dtype, given_))
    np.testing.assert_array_equal(back, [most, -most, np.nan, least, 0, 2 * least, 0])
    assert np.signbit(back[-1])


@pytest.mark.parametrize("dtype", sorted(formats.BITS))
@pytest.mark.parametrize("operands", formats.OPERANDS)
def test_alphabets_hold_finite_numbers_of_their_kind(dtype: str, operands: str) -> None:
    letters = formats.alphabet(dtype, operands)
    assert letters.dtype == formats.word(dtype)
    if dtype == "b1":
        return
    values = formats.decode(dtype, letters)
    assert np.isfinite(values).all()
    if operands == "zeros":
        assert not values.any()
    if operands == "one_binade" and dtype in formats.BINARY:
        assert values.min() == 1 and values.max() <= 2


def test_infinity_of_e5m2_stays_infinite_in_wider_formats_and_saturates_in_its_own() -> None:
    infinite = formats.decode("e5m2", np.array([0x7C, 0xFC], np.uint8))
    assert formats.encode("f16", infinite).tolist() == [0x7C00, 0xFC00]
    assert formats.encode("bf16", infinite).tolist() == [0x7F80, 0xFF80]
    assert formats.encode("f32", infinite).tolist() == [0x7F800000, 0xFF800000]
    assert formats.encode("e5m2", infinite).tolist() == [0x7B, 0xFB]
