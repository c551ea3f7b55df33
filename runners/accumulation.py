"""How many bits an accumulator keeps, read off sums of one large term and terms p binary places below it.

Every experiment gives operands for kernels_cuda/fp8/precision.cu, and turns what came back into a number of bits: the
largest p up to which terms of 2^-p times the large one are not lost. An exact float32 sum would keep 23.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gridstone import content

_warpgroup = content.load_module(Path(__file__).with_name("warpgroup.py"))
formats = _warpgroup.formats
Array = np.ndarray[Any, Any]

_ROWS, _COLUMNS, _SLICES = 64, 8, 4
_LARGE_A, _LARGE_B = 4, 8  # exponents of the large term: its product, 2^12, leaves room below f16's largest
_FALL = np.arange(_ROWS) % 13  # how far the exponent of a small factor in a row of A is below 4: e4m3 ends at 2^-9
_SMALL_B = np.array([8, 0, -8])[np.arange(_COLUMNS) % 3]
PLACES = _LARGE_B + _FALL[:, None] - _SMALL_B[None, :]  # p by row and column
LARGE = 2.0 ** (_LARGE_A + _LARGE_B)
_FIRST_LONG = 7  # from here on the small terms of a long sum leave f16 its range


@dataclass(frozen=True, kw_only=True)
class Sum:
    """Operands as values: a (steps, 64, 4, elements), b (steps, 8, 4, elements); `terms` small products per result."""

    a: Array
    b: Array
    terms: int = 1


def elements(a_type: str) -> int:
    """Elements of A that an instruction takes from a row."""
    return 32 * 8 // int(formats.BITS[a_type])


def within(a_type: str) -> Sum:
    """One small term beside the large one, in one instruction."""
    return _with_small(a_type, 1, [(0, 1)])


def across(a_type: str) -> Sum:
    """One small term in the instruction after the one with the large term."""
    return _with_small(a_type, 1, [(1, 0)])


def along(a_type: str, steps: int = 8) -> Sum:
    """Small terms alone in every instruction after the one with the large term, along a long K."""
    made = _with_small(a_type, steps, [])
    a, b = made.a, made.b
    small_a, small_b = 2.0 ** (_LARGE_A - _FALL), 2.0**_SMALL_B
    a[:, :, 1:], b[:, :, 1:] = small_a[:, None, None], small_b[:, None, None]
    a[1:, :, 0], b[1:, :, 0] = small_a[:, None], small_b[:, None]
    return Sum(a=a, b=b, terms=(_SLICES * steps - 1) * elements(a_type))


def random(a_type: str, b_type: str, steps: int = 16) -> Sum:
    """Normal operands along a long K, rounded to their types."""
    rng, size = np.random.default_rng(3), elements(a_type)
    a, b = rng.standard_normal((steps, _ROWS, _SLICES, size)), rng.standard_normal((steps, _COLUMNS, _SLICES, size))
    return Sum(a=_rounded(a_type, a), b=_rounded(b_type, b))


def exact(given: Sum) -> Array:
    """The sums in float64, of shape (64, 8)."""
    rows = given.a.swapaxes(0, 1).reshape(_ROWS, -1)
    return np.asarray(rows @ given.b.swapaxes(0, 1).reshape(_COLUMNS, -1).T)


def bits_of_small(found: Array, given: Sum) -> int:
    """The largest p such that at least half of the small terms arrived, for it and all below it."""
    small = given.terms * LARGE * 2.0**-PLACES
    kept = found - LARGE >= small / 2
    first = 1 if given.terms == 1 else _FIRST_LONG
    places = range(first, int(PLACES.max()) + 1)
    lost = [p for p in places if (p == PLACES).any() and not kept[p == PLACES].all()]
    return (lost[0] if lost else places[-1] + 1) - 1


def bits_of_random(found: Array, given: Sum) -> float:
    """Minus log2 of the error over the result, root mean squares both."""
    wanted = exact(given)
    error = math.sqrt(float(np.mean((found - wanted) ** 2)) / float(np.mean(wanted**2)))
    return -math.log2(max(error, 2.0**-53))


def _with_small(a_type: str, steps: int, places: list[tuple[int, int]]) -> Sum:
    size = elements(a_type)
    a, b = np.zeros((steps, _ROWS, _SLICES, size)), np.zeros((steps, _COLUMNS, _SLICES, size))
    a[0, :, 0, 0], b[0, :, 0, 0] = 2.0**_LARGE_A, 2.0**_LARGE_B
    for slice_, element in places:
        a[0, :, slice_, element], b[0, :, slice_, element] = 2.0 ** (_LARGE_A - _FALL), 2.0**_SMALL_B
    return Sum(a=a, b=b)


def _rounded(dtype: str, values: Array) -> Array:
    return np.asarray(formats.decode(dtype, formats.encode(dtype, values)))
