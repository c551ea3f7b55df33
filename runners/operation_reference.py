"""What the operations of kernels_cuda/include compute, in numpy: one step over arrays of values and operands.

A reference takes (x, a, b, j): the values, the operands %1 and %2 of the step, and the number of the step within an
iteration of the loop. Values of 16 x 2 bits are uint32, as in the kernel.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gridstone import content

_bits = content.load_module(Path(__file__).with_name("bits.py"))
_conversion = content.load_module(Path(__file__).with_name("conversion_reference.py"))
halves, words, signed, unsigned = _bits.halves, _bits.words, _bits.signed, _bits.unsigned
_warp = content.load_module(Path(__file__).with_name("warp_reference.py"))

_LOW = 0xFFFFFFFF


def _bf16x2(function):
    """Of two bf16 each, computed in float32, where sums and products of a few of them are exact, and rounded once."""

    def wide(v, upper):
        return (v & np.uint32(0xFFFF0000) if upper else v << np.uint32(16)).view(np.float32)

    def apply(x, a, b, _):
        low, high = (_bits.rounded_to_bf16(function(*(wide(v, upper) for v in (x, a, b)))) for upper in (False, True))
        return low | high << np.uint32(16)

    return apply


def _f16x2(function):
    """Of two halves each, computed wider and rounded once."""

    def apply(x, a, b, _):
        wide = (halves(v, np.float16).astype(np.float64) for v in (x, a, b))
        return words(function(*wide).astype(np.float16))

    return apply


def _mul_wide(x, a, _b, _j):
    return ((x ^ x >> np.uint64(32)) & np.uint64(_LOW)) * (a & np.uint64(_LOW))


def _dp4a(x, a, b, _):
    bytes_x, bytes_a = (np.ascontiguousarray(v).view(np.int8).astype(np.int32).reshape(-1, 4) for v in (x, a))
    return (bytes_x * bytes_a).sum(axis=1, dtype=np.int32).view(np.uint32) + b


def _prmt(x, a, b, _):
    pool = np.concatenate([np.ascontiguousarray(v).view(np.uint8).reshape(-1, 4) for v in (x, a)], axis=1)
    places = b[:, None] >> np.array([0, 4, 8, 12], np.uint32)
    picked = np.take_along_axis(pool, (places & np.uint32(7)).astype(np.intp), axis=1)
    sign = np.where(picked >> 7, 0xFF, 0).astype(np.uint8)
    return np.ascontiguousarray(np.where(places & np.uint32(8), sign, picked)).view(np.uint32).ravel()


def _shf(x, a, b, _):
    by = (b & np.uint32(31)).astype(np.uint64)
    both = a.astype(np.uint64) << np.uint64(32) | x.astype(np.uint64)
    return (both << by >> np.uint64(32)).astype(np.uint32)


def _brev(x, *_):
    for by, mask in ((1, 0x55555555), (2, 0x33333333), (4, 0x0F0F0F0F), (8, 0x00FF00FF), (16, 0x0000FFFF)):
        shift, keep = np.uint32(by), np.uint32(mask)
        x = (x >> shift & keep) | (x & keep) << shift
    return x


def _leading(x):
    """Number of the highest bit that is set, -1 where none is."""
    return np.frexp(x.astype(np.float64))[1].astype(np.int32) - 1


def _division(x, a, _b, _j):
    return np.where(x == 0, np.uint32(0xFFFFFFFF), a // np.maximum(x, np.uint32(1)))


def _quotient(a, x):
    """Signed division that rounds to nought, as int64; a divisor of nought gives nought."""
    a, x = signed(a).astype(np.int64), signed(x).astype(np.int64)
    return np.abs(a) // np.maximum(np.abs(x), 1) * np.sign(a) * np.sign(x)


def _remainder(x, a, b, _):
    rest = signed(a).astype(np.int64) - _quotient(a, x) * signed(x)
    return rest.astype(np.int32).view(np.uint32) ^ b


def _shf_right(x, a, b, _):
    by = np.minimum(b, np.uint32(32)).astype(np.uint64)
    both = a.astype(np.uint64) << np.uint64(32) | x.astype(np.uint64)
    return (both >> by).astype(np.uint32)


def _tanh_f16x2(x, *_):
    return words(np.tanh(halves(x, np.float16).astype(np.float32)).astype(np.float16))


REFERENCES = {
    **_warp.REFERENCES,
    **_conversion.REFERENCES,
    "add_f32": lambda x, a, b, j: x + a,
    "mul_f32": lambda x, a, b, j: x * a,
    "fma_f32": lambda x, a, b, j: x * a + b,  # the operands are powers of two: the product is exact
    "min_max_f32": lambda x, a, b, j: np.maximum(np.minimum(x, a), b),
    "setp_selp_f32": lambda x, a, b, j: np.where(x > a, b, x),
    "add_f16x2": _f16x2(lambda x, a, b: x + a),
    "mul_f16x2": _f16x2(lambda x, a, b: x * a),
    "fma_f16x2": _f16x2(lambda x, a, b: x * a + b),
    "min_max_f16x2": _f16x2(lambda x, a, b: np.maximum(np.minimum(x, a), b)),
    "add_bf16x2": _bf16x2(lambda x, a, b: x + a),
    "mul_bf16x2": _bf16x2(lambda x, a, b: x * a),
    "fma_bf16x2": _bf16x2(lambda x, a, b: x * a + b),
    "min_max_bf16x2": _bf16x2(lambda x, a, b: np.maximum(np.minimum(x, a), b)),
    "add_f64": lambda x, a, b, j: x + a,
    "mul_f64": lambda x, a, b, j: x * a,
    "fma_f64": lambda x, a, b, j: x * a + b,
    "div_approx_f32": lambda x, a, b, j: a / x,
    "div_full_f32": lambda x, a, b, j: a / x,
    "setp_selp_f64": lambda x, a, b, j: np.where(x > a, b, x),
    "div_rn_f32": lambda x, a, b, j: a / x,
    "rcp_rn_f32": lambda x, a, b, j: np.float32(1) / x,
    "sqrt_rn_f32": lambda x, a, b, j: np.sqrt(x),
    "div_rn_f64": lambda x, a, b, j: a / x,
    "rcp_rn_f64": lambda x, a, b, j: 1 / x,
    "sqrt_rn_f64": lambda x, a, b, j: np.sqrt(x),
    "rcp_tanh_f32": lambda x, a, b, j: np.tanh(1 / x),
    "rsqrt_f32": lambda x, a, b, j: 1 / np.sqrt(x),
    "sqrt_f32": lambda x, a, b, j: np.sqrt(x),
    "ex2_f32": lambda x, a, b, j: np.exp2(-x),
    "lg2_ex2_f32": lambda x, a, b, j: np.exp2(np.log2(x)),
    "sin_f32": lambda x, a, b, j: np.sin(x),
    "cos_f32": lambda x, a, b, j: np.cos(x),
    "tanh_f32": lambda x, a, b, j: np.tanh(x),
    "tanh_f16x2": _tanh_f16x2,
    "ex2_f16x2": lambda x, a, b, j: words(np.exp2(-halves(x, np.float16).astype(np.float32)).astype(np.float16)),
    "add_s32": lambda x, a, b, j: x + a + b,
    "mad_s32": lambda x, a, b, j: x * a + b,
    "mad_hi_u32": lambda x, a, b, j: (x.astype(np.uint64) * a >> np.uint64(32)).astype(np.uint32) + b,
    "mul_wide_u32": _mul_wide,
    "add_s64": lambda x, a, b, j: x + a + b,
    "mad_s64": lambda x, a, b, j: x * a + b,
    "div_u32": _division,
    "div_s32": lambda x, a, b, j: _quotient(a, x).astype(np.int32).view(np.uint32) ^ b,
    "rem_u32": lambda x, a, b, j: a % np.maximum(x, np.uint32(1)) ^ b,
    "rem_s32": _remainder,
    "div_u64": lambda x, a, b, j: a // np.maximum(x, np.uint64(1)) ^ b,
    "dp4a": _dp4a,
    "min_max_s32": lambda x, a, b, j: unsigned(np.maximum(np.minimum(signed(x), signed(a)), signed(b))),
    "sad_s32": lambda x, a, b, j: np.abs(signed(x).astype(np.int64) - signed(a)).astype(np.uint32) + b,
    "lop3": lambda x, a, b, j: x & a ^ b,
    "shl_b32": lambda x, a, b, j: x << a,
    "shf_l_wrap": _shf,
    "shf_r_clamp": _shf_right,
    "shr_s32": lambda x, a, b, j: unsigned(signed(x) >> signed(a)),
    "shl_b64": lambda x, a, b, j: x << (a & np.uint64(_LOW)),
    "prmt": _prmt,
    "popc": lambda x, a, b, j: np.bitwise_count(x).astype(np.uint32),
    "brev": _brev,
    "flo": lambda x, a, b, j: unsigned(_leading(x)),
    "clz": lambda x, a, b, j: unsigned(31 - _leading(x)),
    "setp_selp_s32": lambda x, a, b, j: np.where(signed(x) > signed(a), b, x),
}
