"""Random values and operands on which chains of an operation stay finite and keep changing."""

from __future__ import annotations

import numpy as np

_FLOATS = {"f16x2": "float16", "bf16x2": "float32", "f32": "float32", "f64": "float64"}


def draw(kind, rng, chains, lanes):
    """An array (chains + 4, lanes): the values of each chain, then the four operands. `kind` is `how` or `how type`."""
    how, _, dtype = kind.partition(" ")
    return _HOW[how](rng, chains, lanes, dtype or "u32")


def _bits(rng, chains, lanes, dtype):
    kind = {"u32": np.uint32, "u64": np.uint64}[dtype]
    return rng.integers(0, np.iinfo(kind).max, (chains + 4, lanes), dtype=kind, endpoint=True)


def _signed(rng, shape):
    return rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)


def _packed(values, dtype):
    """Numbers (rows, 2 x lanes for packed types) in the type that the kernel reads."""
    if dtype == "bf16x2":
        return (values.astype(np.float32).view(np.uint32) >> np.uint32(16)).astype(np.uint16).view(np.uint32)
    rounded = values.astype(_FLOATS[dtype])
    return rounded.view(np.uint32) if dtype == "f16x2" else rounded


def _width(lanes, dtype):
    return 2 * lanes if dtype.endswith("x2") else lanes


def _summands(rng, chains, lanes, dtype):
    return _packed(_signed(rng, (chains + 4, _width(lanes, dtype))), dtype)


def _factors(rng, chains, lanes, dtype):
    """Operands that come in pairs whose product is about one, so that a product of many stays in range."""
    values = _signed(rng, (chains + 4, _width(lanes, dtype)))
    values[-3], values[-1] = 1 / values[-4], 1 / values[-2]
    return _packed(values, dtype)


def _powers(rng, chains, lanes, dtype):
    """Powers of two, whose products are exact; the four of them multiply to one, apart from the sign."""
    width = _width(lanes, dtype)
    values = _signed(rng, (chains + 4, width))
    exponents = rng.permuted(np.tile([[-1.0], [1.0], [0.0], [0.0]], (1, width)), axis=0)
    values[-4:] = 2.0**exponents * rng.choice([-1, 1], (4, width))
    return _packed(values, dtype)


def _divided(rng, chains, lanes, dtype):
    """Positive numbers; two steps of operand / value by the same operand come back to the value."""
    values = rng.uniform(0.5, 2, (chains + 4, _width(lanes, dtype)))
    values[-3], values[-1] = values[-4], values[-2]
    return _packed(values, dtype)


def _shifts(rng, chains, lanes, _):
    """Distances, one of which is one and the others nought: a value outlives many shifts."""
    drawn = _bits(rng, chains, lanes, "u32")
    drawn[-4:] = rng.permuted(np.tile([[1], [0], [0], [0]], (1, lanes)), axis=0)
    return drawn


def _shifts64(rng, chains, lanes, _):
    """The same for values of 64 bits."""
    drawn = _bits(rng, chains, lanes, "u64")
    drawn[-4:] = _shifts(rng, 0, lanes, _)
    return drawn


def _counts(rng, chains, lanes, _):
    """Whole numbers that 16-bit formats hold, of either sign."""
    return rng.integers(-1000, 1001, (chains + 4, lanes)).astype(np.int32).view(np.uint32)


def _lanes(rng, chains, lanes, _):
    """Operands that name each lane of a warp once."""
    drawn = _bits(rng, chains, lanes, "u32")
    order = np.tile(np.arange(32), (4, lanes // 32, 1))
    drawn[-4:] = rng.permuted(order, axis=2).reshape(4, lanes)
    return drawn


def _masks(rng, chains, lanes, _):
    """Operands between 1 and 31 that all lanes of a warp share."""
    drawn = _bits(rng, chains, lanes, "u32")
    drawn[-4:] = np.repeat(rng.integers(1, 32, (4, lanes // 32)), 32, axis=1)
    return drawn


def _alike(rng, chains, lanes, distinct):
    """Values and operands of which a warp has `distinct` different ones."""
    drawn = _bits(rng, chains, lanes, "u32").reshape(chains + 4, -1, 32)
    return drawn[:, :, np.arange(32) % int(distinct)].reshape(chains + 4, lanes)


def _alike64(rng, chains, lanes, distinct):
    """The same with 64 bits."""
    drawn = _bits(rng, chains, lanes, "u64").reshape(chains + 4, -1, 32)
    return drawn[:, :, np.arange(32) % int(distinct)].reshape(chains + 4, lanes)


def _ternary(rng, chains, lanes, _):
    """Four halves of -1, 0 or 1 in each value, whose products and sums are exact."""
    return rng.integers(-1, 2, (chains + 4, 4 * lanes)).astype(np.float16).view(np.uint64)


def _whole(rng, chains, lanes, dtype):
    """Numbers up to 2^30 in size: as float64, as int64, or as the bits of float64 or float32, or as float32."""
    values = rng.uniform(-(2.0**30), 2.0**30, (chains + 4, lanes))
    if dtype == "s64":
        return values.astype(np.int64).view(np.uint64)
    if dtype == "f64bits":
        return values.view(np.uint64)
    if dtype == "f32bits":
        return values.astype(np.float32).view(np.uint32)
    return values.astype(_FLOATS[dtype])


_HOW = {
    "bits": _bits,
    "summands": _summands,
    "factors": _factors,
    "powers": _powers,
    "divided": _divided,
    "shifts": _shifts,
    "shifts64": _shifts64,
    "counts": _counts,
    "lanes": _lanes,
    "masks": _masks,
    "alike": _alike,
    "alike64": _alike64,
    "ternary": _ternary,
    "whole": _whole,
}
