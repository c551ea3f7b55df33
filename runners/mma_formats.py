"""The number formats of matrix instructions: random codes of each, what they are worth, and how words hold them.

A code is the bits of one number in a uint64. Exact draws are small whole numbers (floats) or any (integers), whose sums
no accumulator rounds; the others use the mantissa in full.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint64]
Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Float:
    """IEEE-like: sign, `exponent` bits, `mantissa` bits, and `unused` bits below them (tf32 lies in a 32-bit word)."""

    exponent: int
    mantissa: int
    unused: int = 0

    @property
    def bits(self) -> int:
        """What a number takes in a register."""
        return 1 + self.exponent + self.mantissa + self.unused

    @property
    def bias(self) -> int:
        """What is taken from the stored exponent."""
        return int(2 ** (self.exponent - 1) - 1)

    @property
    def one(self) -> np.uint64:
        """The code of 1."""
        return np.uint64(self.bias << (self.mantissa + self.unused))

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], *, exact: bool) -> Codes:
        """Codes of whole numbers from -2 to 2, or of numbers of random mantissa in four binades below 2."""
        sign = rng.integers(0, 2, shape, dtype=np.uint64)
        if exact:
            size = rng.integers(0, 3, shape, dtype=np.uint64)
            stored = np.where(size > 0, size + np.uint64(self.bias - 1), np.uint64(0))
            fraction = np.zeros(shape, dtype=np.uint64)
            sign = np.where(size > 0, sign, np.uint64(0))
        else:
            stored = rng.integers(self.bias - 3, self.bias + 1, shape, dtype=np.uint64)
            fraction = rng.integers(0, 2**self.mantissa, shape, dtype=np.uint64)
        code = ((sign << np.uint64(self.exponent)) | stored) << np.uint64(self.mantissa) | fraction
        return np.asarray(code << np.uint64(self.unused), dtype=np.uint64)

    def negated(self, codes: Codes) -> Codes:
        """The same numbers with the other sign."""
        return np.asarray(codes ^ np.uint64(1 << (self.bits - 1)), dtype=np.uint64)

    def values(self, codes: Codes) -> Numbers:
        """What codes of finite numbers are worth; any code is read as one."""
        plain = codes >> np.uint64(self.unused)
        fraction = (plain & np.uint64(2**self.mantissa - 1)).astype(np.float64) / 2.0**self.mantissa
        stored = (plain >> np.uint64(self.mantissa) & np.uint64(2**self.exponent - 1)).astype(np.int64)
        sign = 1.0 - 2.0 * (plain >> np.uint64(self.exponent + self.mantissa)).astype(np.float64)
        normal = stored > 0
        with np.errstate(over="ignore"):  # codes of no number, such as a poisoned output, may be read too
            size = np.ldexp(fraction + normal, np.where(normal, stored, 1) - self.bias)
        return np.asarray(sign * size, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Integer:
    """Two's complement, or unsigned."""

    bits: int
    signed: bool

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], *, exact: bool) -> Codes:
        """Codes of any numbers of the format: sums of integers are exact modulo 2^32."""
        return rng.integers(0, 2**self.bits, shape, dtype=np.uint64)

    def values(self, codes: Codes) -> Numbers:
        """What codes are worth."""
        plain = codes.astype(np.float64)
        return plain - 2.0**self.bits * (plain >= 2.0 ** (self.bits - 1)) if self.signed else plain


FORMATS: dict[str, Any] = {
    "f16": Float(exponent=5, mantissa=10),
    "bf16": Float(exponent=8, mantissa=7),
    "tf32": Float(exponent=8, mantissa=10, unused=13),
    "f32": Float(exponent=8, mantissa=23),
    "f64": Float(exponent=11, mantissa=52),
    "e4m3": Float(exponent=4, mantissa=3),
    "e5m2": Float(exponent=5, mantissa=2),
    "s8": Integer(bits=8, signed=True),
    "u8": Integer(bits=8, signed=False),
    "s4": Integer(bits=4, signed=True),
    "u4": Integer(bits=4, signed=False),
    "b1": Integer(bits=1, signed=False),
    "s32": Integer(bits=32, signed=True),
}


def packed(codes: Codes, places: NDArray[np.int64], bits: int) -> NDArray[Any]:
    """Words from codes: places[..., e] is the flat index of the code that lies e-th in a word, lowest bits first.

    Words of 64 bits where a code has 64, else of 32.
    """
    shifts = (np.uint64(bits) * np.arange(places.shape[-1], dtype=np.uint64)).astype(np.uint64)
    words = (codes.ravel()[places] << shifts).sum(axis=-1, dtype=np.uint64)
    return np.ascontiguousarray(words if bits == 64 else words.astype(np.uint32))


def unpacked(words: NDArray[Any], places: NDArray[np.int64], bits: int) -> Codes:
    """The flat array of codes that `packed` would have made these words of, over the last axes of `words`."""
    shifts = (np.uint64(bits) * np.arange(places.shape[-1], dtype=np.uint64)).astype(np.uint64)
    mask = np.uint64(2**bits - 1)
    codes = words.astype(np.uint64)[..., None] >> shifts & mask
    found = np.empty((*words.shape[: words.ndim - places.ndim + 1], places.size), dtype=np.uint64)
    found[..., places.ravel()] = codes.reshape(*found.shape)
    return found
