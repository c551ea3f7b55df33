"""What conversions compute, in numpy; arguments as in operation_reference.py."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gridstone import content

_bits = content.load_module(Path(__file__).with_name("bits.py"))
halves, words, signed, unsigned, rounded_to_bf16 = (
    _bits.halves,
    _bits.words,
    _bits.signed,
    _bits.unsigned,
    _bits.rounded_to_bf16,
)


def _f32_to_s32(x, *_):
    value = x.view(np.float32).astype(np.float64)
    return np.clip(np.trunc(np.nan_to_num(value, nan=0.0)), -(2.0**31), 2.0**31 - 1).astype(np.int32).view(np.uint32)


def _f64_to_s64(x, *_):
    value = x.view(np.float64)
    return unsigned(np.where(np.isnan(value), np.iinfo(np.int64).min, np.nan_to_num(value).astype(np.int64)))


def _f32_to_pair(x, a, _b, _j):
    return (halves_of(x) << np.uint32(16) | halves_of(a)).view(np.float32)


def halves_of(x):
    """float32 values rounded to float16, as numbers of 16 bits in uint32."""
    with np.errstate(over="ignore"):
        return x.astype(np.float16).view(np.uint16).astype(np.uint32)


def _f32_to_bf16_pair(x, a, _b, _j):
    return (rounded_to_bf16(x) << np.uint32(16) | rounded_to_bf16(a)).view(np.float32)


def _f16_to_f32(x, *_):
    return halves(x, np.float16)[1::2].astype(np.float32)


def _f32_to_u32(x, *_):
    value = x.view(np.float32).astype(np.float64)
    return np.clip(np.trunc(np.nan_to_num(value, nan=0.0)), 0, 2.0**32 - 1).astype(np.uint32)


def _by_bf16(values):
    """Numbers rounded to bf16, as float32."""
    return (rounded_to_bf16(values.astype(np.float32)) << np.uint32(16)).view(np.float32)


def _f16_by_bf16(x, *_):
    both = halves(x, np.float16).copy()
    both[::2] = _by_bf16(both[::2]).astype(np.float16)
    return words(both)


REFERENCES = {
    "cvt_s32_f32": lambda x, a, b, j: unsigned(signed(x).astype(np.float32)),
    "cvt_f32_s32": _f32_to_s32,
    "cvt_s8_f32": lambda x, a, b, j: unsigned(np.ascontiguousarray(x).view(np.int8)[::4].astype(np.float32)),
    "cvt_f32_f16x2": _f32_to_pair,
    "cvt_f32_bf16x2": _f32_to_bf16_pair,
    "cvt_f16_f32": _f16_to_f32,
    "cvt_f32_tf32": lambda x, a, b, j: x + np.uint32(0x1000) & np.uint32(0xFFFFE000),
    "cvt_u32_f32": lambda x, a, b, j: unsigned(x.astype(np.float32)),
    "cvt_f32_u32": _f32_to_u32,
    "cvt_s32_f16_s32": lambda x, a, b, j: unsigned(signed(x).astype(np.float16).astype(np.int32)),
    "cvt_bf16_f32_bf16": lambda x, a, b, j: (
        rounded_to_bf16(a.view(np.float32)) << np.uint32(16) | x & np.uint32(0xFFFF)
    ),
    "cvt_f16_bf16_f16": _f16_by_bf16,
    "cvt_s32_bf16_s32": lambda x, a, b, j: unsigned(_by_bf16(signed(x)).astype(np.int32)),
    "rint_f32": lambda x, a, b, j: np.rint(x),
    "cvt_s64_f64": lambda x, a, b, j: unsigned(signed(x).astype(np.float64)),
    "cvt_f64_s64": _f64_to_s64,
    "cvt_f64_f32_f64": lambda x, a, b, j: x.astype(np.float32).astype(np.float64),
    "cvt_f64_s32_f64": lambda x, a, b, j: np.trunc(x),
    "cvt_s64_f32_s64": lambda x, a, b, j: unsigned(signed(x).astype(np.float32).astype(np.int64)),
}
