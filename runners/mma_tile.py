"""One tile of mma.sync or mma.sp on the host: random operands as the lanes hold them, and the product they must give.

The kernel adds A x B and A x B' in turn. Exact tiles have B' = -B where numbers are floats, so that accumulators end as
they began however long they run; sums of integers wrap.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridstone import content

_formats = content.load_module(Path(__file__).with_name("mma_formats.py"))
_fragments = content.load_module(Path(__file__).with_name("mma_fragments.py"))

# Error of a sum, as a share of the sum of its terms' sizes. The tensor cores of sm_89 keep 13 bits of FP8 sums.
_TOLERANCE = {"f16": 2.0**-8, "f32": 2.0**-15, "f64": 2.0**-44}
_TOLERANCE_FP8 = 2.0**-10


@dataclass(frozen=True, kw_only=True)
class Tile:
    """Operands and result by register and lane: `words` are A, B, B', C and the D after `steps`, one after another.

    expected: D as numbers, row-major. size: the sum of the sizes of its terms, which errors are measured by.
    """

    shape: Any
    words: NDArray[Any]
    metadata: NDArray[np.uint32]
    expected: NDArray[np.float64]
    size: NDArray[np.float64]

    def matches(self, left: NDArray[Any]) -> bool:
        """Whether accumulators, as [..., register, lane], hold the expected result within the format's rounding."""
        shape = self.shape
        kind = _formats.FORMATS[shape.acc_type]
        found = kind.values(_formats.unpacked(left, _places_d(shape), kind.bits))
        tolerance = _TOLERANCE_FP8 if shape.a_type in ("e4m3", "e5m2") else _TOLERANCE.get(shape.acc_type, 0.0)
        tolerance = max(tolerance, _TOLERANCE.get(shape.acc_type, 0.0))
        with np.errstate(invalid="ignore"):
            return bool((np.abs(found - self.expected.ravel()) <= tolerance * self.size.ravel()).all())


def tile(shape: Any, steps: int, *, exact: bool, rng: np.random.Generator) -> Tile:
    """A tile of a shape (m, n, k, a_type, b_type, acc_type, sparse, function) for a run of `steps` products."""
    a_kind, b_kind, d_kind = (_formats.FORMATS[t] for t in (shape.a_type, shape.b_type, shape.acc_type))
    count = 4 if quarters(shape) else 1
    a = a_kind.draw(rng, (count, shape.m, shape.k // (1 + shape.sparse)), exact=exact)
    b = b_kind.draw(rng, (count, shape.n, shape.k), exact=exact)
    floats = isinstance(b_kind, _formats.Float)
    other = b_kind.negated(b) if exact and floats else b_kind.draw(rng, b.shape, exact=exact)
    c = d_kind.draw(rng, (count, shape.m, shape.n), exact=exact)
    if floats:
        c = np.where(c == 0, d_kind.one, c)  # what is left of a sum of nothing may be a zero of either sign
    dense, nibbles = _spread(shape, a_kind.values(a), rng) if shape.sparse else (a_kind.values(a), None)
    values = [b_kind.values(one).transpose(0, 2, 1) for one in (b, other)]
    sums = [_product(dense, one, shape.function) for one in values]
    size = steps / 2 * sum(np.abs(dense) @ np.abs(one) for one in values) + np.abs(d_kind.values(c))
    total = d_kind.values(c) + steps / 2 * (sums[0] + sums[1])
    if not floats:
        d = np.asarray(total % 2.0**32, dtype=np.uint64)
        total = d_kind.values(d)
    else:
        d = c  # of exact tiles: nothing was added on the whole
    operands = (
        (a, _places_a(shape), a_kind),
        (b, _places_b(shape), b_kind),
        (other, _places_b(shape), b_kind),
        (c, _places_d(shape), d_kind),
        (d, _places_d(shape), d_kind),
    )
    return Tile(
        shape=shape,
        words=np.concatenate([_formats.packed(codes, places, kind.bits).ravel() for codes, places, kind in operands]),
        metadata=np.zeros(32, np.uint32) if nibbles is None else _fragments.metadata(nibbles, a_kind.bits),
        expected=total,
        size=size,
    )


def quarters(shape: Any) -> bool:
    """Whether it is four products at once, one for each quarter of the warp: m8n8k4 in f16."""
    return bool(shape.m == 8 and shape.a_type == "f16")


def registers_d(shape: Any) -> int:
    """How many registers of a lane hold D."""
    return int(_places_d(shape).shape[0])


def _places_a(shape: Any) -> NDArray[np.int64]:
    if quarters(shape):
        return np.asarray(_fragments.places_a_quarters())
    return np.asarray(_fragments.places_a(shape.m, shape.k // (1 + shape.sparse), _formats.FORMATS[shape.a_type].bits))


def _places_b(shape: Any) -> NDArray[np.int64]:
    if quarters(shape):
        return np.asarray(_fragments.places_a_quarters())
    return np.asarray(_fragments.places_b(shape.k, _formats.FORMATS[shape.b_type].bits))


def _places_d(shape: Any) -> NDArray[np.int64]:
    bits = _formats.FORMATS[shape.acc_type].bits
    return np.asarray(_fragments.places_d_quarters(bits) if quarters(shape) else _fragments.places_d(shape.m, bits))


def _product(a: NDArray[np.float64], b: NDArray[np.float64], function: str) -> NDArray[np.float64]:
    """A x B; for single bits the number of ones in the exclusive or, or in the and, of a row and a column."""
    return np.asarray(a @ (1 - b) + (1 - a) @ b if function == "xor" else a @ b)


def _spread(
    shape: Any, packed: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.uint64]]:
    """The full A of a packed one with random places of its numbers, and the indexes of each chunk of four.

    Two of four elements, for 4 bits two pairs of four; tf32 has one of two, which its indexes name as two halves.
    """
    kind = shape.a_type
    chunks, unit = (shape.k // 8, 2) if kind in ("s4", "u4") else (shape.k // 4, 1)
    if kind == "tf32":
        second = rng.integers(0, 2, (shape.m, shape.k // 2))
        chosen = second[:, :, None]
        nibbles = np.where(second, 0b1110, 0b0100)
        slots, kept = 2, 1
    else:
        chosen = np.sort(rng.permuted(np.tile(np.arange(4), (shape.m, chunks, 1)), axis=2)[:, :, :2], axis=2)
        nibbles = chosen[:, :, 0] | chosen[:, :, 1] << 2
        slots, kept = 4, 2
    full = np.zeros((shape.m, nibbles.shape[1], slots, unit))
    np.put_along_axis(full, chosen[:, :, :, None], packed.reshape(shape.m, -1, kept, unit), axis=2)
    return full.reshape(1, shape.m, shape.k), nibbles.astype(np.uint64)
