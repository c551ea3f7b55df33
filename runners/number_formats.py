"""Number formats of tensor cores as numpy sees them: codes to values, values to codes, and alphabets to draw from.

Binary formats from their parameters: IEEE 754 for f16, "FP8 formats for deep learning" (arXiv:2209.05433) for e4m3 and
e5m2, and PTX ISA for tf32, whose 19 bits lie at the top of a 32-bit word. Codes are unsigned integers of the width
of the format; b1 is handled in bytes of eight bits.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = "np.ndarray[Any, Any]"


@dataclass(frozen=True, kw_only=True)
class Binary:
    """A binary floating-point format: `mantissa` bits below the hidden one, least normal exponent, largest value.

    shift: how far up in its word the code lies. infinite: whether it has infinities.
    """

    bits: int
    mantissa: int
    least: int
    most: float
    shift: int = 0
    infinite: bool = True


BINARY = {
    "f16": Binary(bits=16, mantissa=10, least=-14, most=65504.0),
    "bf16": Binary(bits=16, mantissa=7, least=-126, most=(2 - 2**-7) * 2.0**127),
    "tf32": Binary(bits=32, mantissa=10, least=-126, most=(2 - 2**-10) * 2.0**127, shift=13),
    "f32": Binary(bits=32, mantissa=23, least=-126, most=(2 - 2**-23) * 2.0**127),
    "e4m3": Binary(bits=8, mantissa=3, least=-6, most=448.0, infinite=False),
    "e5m2": Binary(bits=8, mantissa=2, least=-14, most=57344.0),
}
BITS = {name: one.bits for name, one in BINARY.items()} | {"s8": 8, "u8": 8, "b1": 1}
OPERANDS = ("zeros", "sparse_bits", "one_binade", "uniform", "normal")
_LETTERS = 1 << 14


def word(dtype: str) -> np.dtype[Any]:
    """The unsigned integer that holds one code; a byte for b1."""
    return np.dtype(f"u{max(8, BITS[dtype]) // 8}")


def encode(dtype: str, values: Array) -> Array:
    """The nearest codes, ties to even, finite values beyond the largest saturated; NaN as all ones.

    Infinity saturates in 8 bits (PTX cvt.rn.satfinite) and stays what it is in wider formats (cvt.rn).
    """
    if dtype in ("s8", "u8"):
        low, high = (-128, 127) if dtype == "s8" else (0, 255)
        return np.clip(np.rint(values), low, high).astype(np.int64).astype(np.uint8)
    form = BINARY[dtype]
    given = np.asarray(values, dtype=np.float64)
    size = np.minimum(np.abs(np.nan_to_num(given, nan=0.0, posinf=form.most, neginf=-form.most)), 2 * form.most)
    steps, exponent = _steps(form, size)
    steps, exponent = _steps(form, np.minimum(np.ldexp(steps, exponent - form.mantissa), form.most))
    code = ((exponent - form.least).astype(np.int64) << form.mantissa) + steps.astype(np.int64)
    if form.bits > 8:
        code = np.where(
            np.isinf(given), ((1 << (form.bits - form.shift - 1 - form.mantissa)) - 1) << form.mantissa, code
        )
    code |= np.signbit(given).astype(np.int64) << (form.bits - form.shift - 1)
    code = np.where(np.isnan(given), (1 << (form.bits - form.shift - 1)) - 1, code)
    return (code << form.shift).astype(word(dtype))


def decode(dtype: str, codes: Array) -> Array:
    """The values of codes as float64; NaN and infinities where the format has them."""
    if dtype in ("s8", "u8"):
        return codes.view(np.int8 if dtype == "s8" else np.uint8).astype(np.float64)
    form = BINARY[dtype]
    code = codes.astype(np.int64) >> form.shift
    top = form.bits - form.shift - 1
    size = code & ((1 << top) - 1)
    exponent, mantissa = size >> form.mantissa, size & ((1 << form.mantissa) - 1)
    hidden = np.where(exponent > 0, 1 << form.mantissa, 0)
    value = np.ldexp((mantissa + hidden).astype(np.float64), np.maximum(exponent, 1) - 1 + form.least - form.mantissa)
    highest = (1 << (top - form.mantissa)) - 1
    if form.infinite:
        value = np.where(exponent == highest, np.where(mantissa == 0, np.inf, np.nan), value)
    else:
        value = np.where(size == (1 << top) - 1, np.nan, value)
    return np.where(code >> top & 1, -value, value)


@functools.cache
def alphabet(dtype: str, operands: str) -> Array:
    """Codes to draw operands from, in words of the format.

    zeros. sparse_bits: one bit in a quarter of the elements. one_binade: 1 to 2, every mantissa (64 to 127 for
    integers). uniform: -1 to 1 (integers: every value). normal: standard deviation 1 (integers: 32).
    """
    kind = word(dtype)
    if operands == "zeros":
        return np.zeros(1, kind)
    if dtype == "b1":
        return np.arange(256, dtype=kind) if operands != "sparse_bits" else np.array([0, 0, 0, 1], kind)
    integer = dtype in ("s8", "u8")
    if operands == "sparse_bits":
        return np.concatenate([np.zeros(3, kind), np.array([64], kind) if integer else encode(dtype, np.array([2.0]))])
    if operands == "one_binade":
        return np.arange(64, 128, dtype=kind) if integer else encode(dtype, 1 + np.arange(1 << 10) / (1 << 10))
    if operands == "uniform":
        return np.arange(256, dtype=kind) if integer else encode(dtype, (np.arange(_LETTERS) + 0.5) / _LETTERS * 2 - 1)
    drawn = np.random.default_rng(7).standard_normal(_LETTERS)
    return encode(dtype, 32 * drawn + (128 if dtype == "u8" else 0)) if integer else encode(dtype, drawn)


@functools.cache
def exact(dtype: str) -> Array:
    """Codes whose products and sums of some hundred products every accumulator holds exactly: halves up to 2."""
    if dtype in ("s8", "u8", "b1"):
        return np.arange(256, dtype=word(dtype))
    return encode(dtype, np.arange(-4, 5) / 2)


def draw(letters: Array, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Letters of an alphabet in a shape, each as likely as the others."""
    return letters[rng.integers(0, letters.size, shape)]


def _steps(form: Binary, size: Array) -> tuple[Array, Array]:
    """Magnitudes in units of their last place, rounded, and their exponents."""
    exponent = np.where(size > 0, np.maximum(np.frexp(size)[1] - 1, form.least), form.least)
    return np.rint(np.ldexp(size, form.mantissa - exponent)), exponent
