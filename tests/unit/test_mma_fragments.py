"""Fragments of matrix instructions: each element has one place; a warp simulated lane by lane gives the product."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.content import folder, load_module

fragments = load_module(folder("runners") / "mma_fragments.py")
formats = load_module(folder("runners") / "mma_formats.py")
tiles = load_module(folder("runners") / "mma_tile.py")
bench = load_module(folder("bench") / "mma.py")
SHAPES = sorted(bench.FLOATS | bench.INTEGERS)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "-".join(map(str, s)))
def test_every_element_lies_in_one_lane(shape) -> None:
    parts = {
        "a": (tiles._places_a(shape), shape.m * shape.k // (1 + shape.sparse)),
        "b": (tiles._places_b(shape), shape.n * shape.k),
        "d": (tiles._places_d(shape), shape.m * shape.n),
    }
    for places, size in parts.values():
        count = 4 * size if tiles.quarters(shape) else size
        assert sorted(places.ravel()) == list(range(count))
        assert places.shape[1] == 32


def test_places_of_the_manual() -> None:
    a = fragments.places_a(16, 16, 16)
    assert divmod(int(a[3, 13, 1]), 16) == (3 + 8, 2 * 1 + 1 + 8)  # a7 of lane 13: group 3, member 1
    double = fragments.places_a(16, 16, 64)
    assert divmod(int(double[5, 6, 0]), 16) == (1 + 8, 2 * 5 - 2 + 2)  # a5 of lane 6: row group + 8, column 2i - 2 + 2
    b = fragments.places_b(64, 4)
    assert divmod(int(b[1, 30, 7]), 64) == (7, 2 * 8 + 7 + 32)
    d = fragments.places_d(16, 32)
    assert divmod(int(d[2, 9, 0]), 8) == (2 + 8, 2)
    quarters = fragments.places_d_quarters(32)
    assert int(quarters[6, 21, 0]) == 64 * 1 + 8 * (1 + 2 + 4) + 4  # c6 of lane 21: row (1 & 1) + 2 + 4, column 4


@given(st.integers(0, 2**16 - 1))
def test_half_precision_is_read_as_numpy_reads_it(code: int) -> None:
    expected = float(np.array([code], dtype=np.uint16).view(np.float16)[0])
    if np.isfinite(expected):
        assert formats.FORMATS["f16"].values(np.array([code], dtype=np.uint64))[0] == expected


@pytest.mark.parametrize(
    ("kind", "code", "value"),
    [
        ("e4m3", 0x7E, 448.0),
        ("e4m3", 0x01, 2.0**-9),
        ("e5m2", 0x7B, 57344.0),
        ("e5m2", 0x81, -(2.0**-16)),
        ("bf16", 0x3F80, 1.0),
        ("tf32", 0x40490000, 3.140625),
        ("s4", 0x8, -8.0),
        ("u4", 0xF, 15.0),
        ("s32", 0xFFFFFFFF, -1.0),
    ],
)
def test_codes_of_other_formats(kind: str, code: int, value: float) -> None:
    assert formats.FORMATS[kind].values(np.array([code], dtype=np.uint64))[0] == value


@given(st.sampled_from(sorted(formats.FORMATS)), st.booleans(), st.integers(0, 2**32))
def test_drawn_numbers_are_finite_and_small_where_they_must_be(kind: str, exact: bool, seed: int) -> None:
    codes = formats.FORMATS[kind].draw(np.random.default_rng(seed), (64,), exact=exact)
    values = formats.FORMATS[kind].values(codes)
    assert (codes < 2 ** formats.FORMATS[kind].bits).all() if formats.FORMATS[kind].bits < 64 else True
    if isinstance(formats.FORMATS[kind], formats.Float):
        assert (np.abs(values) <= 2).all()
        assert (formats.FORMATS[kind].values(formats.FORMATS[kind].negated(codes)) == -values).all()
        assert not exact or (values == np.round(values)).all()


@given(st.sampled_from(SHAPES), st.integers(0, 2**32))
def test_words_are_packed_and_unpacked(shape, seed: int) -> None:
    kind = formats.FORMATS[shape.acc_type]
    places = tiles._places_d(shape)
    codes = kind.draw(np.random.default_rng(seed), (places.size,), exact=False)
    words = formats.packed(codes, places, kind.bits)
    assert (formats.unpacked(words[None], places, kind.bits)[0] == codes).all()


def _elements(word: int, bits: int) -> list[int]:
    width = 64 if bits == 64 else 32
    return [word >> bits * e & (1 << bits) - 1 for e in range(width // bits)]


def _value(kind: str, code: int) -> float:
    return float(formats.FORMATS[kind].values(np.array([code], dtype=np.uint64))[0])


def _simulated(shape, tile, steps: int) -> np.ndarray:
    """D of a tile from its words and metadata alone, by the formulas of the manual, one lane after the other."""
    bits, wide = shape.bits, 64 if shape.bits == 64 else 32
    per_word, words = wide // bits, [int(w) for w in tile.words]
    kept = shape.k // (1 + shape.sparse)
    counts = [
        shape.m * kept * bits // 32 // wide,
        shape.n * shape.k * bits // 32 // wide,
        shape.n * shape.k * bits // 32 // wide,
        shape.m * shape.n * {"f16": 16, "f64": 64}.get(shape.acc_type, 32) // 32 // wide,
    ]
    starts = np.cumsum([0, *counts]) * 32
    a, b = np.zeros((shape.m, kept)), np.zeros((2, shape.k, shape.n))
    for lane in range(32):
        group, member = lane >> 2, lane % 4
        for i in range(counts[0]):
            for e, code in enumerate(_elements(words[starts[0] + 32 * i + lane], bits)):
                row = group + 8 * (i % 2) if shape.m == 16 else group
                column = member * per_word + e + 4 * per_word * (i // 2 if shape.m == 16 else i)
                a[row, column] = _value(shape.a_type, code)
        for which in range(2):
            for i in range(counts[1]):
                for e, code in enumerate(_elements(words[starts[1 + which] + 32 * i + lane], bits)):
                    b[which, member * per_word + e + 4 * per_word * i, group] = _value(shape.b_type, code)
    full = _expanded(shape, a, tile.metadata) if shape.sparse else a
    if shape.function == "xor":
        product = sum(full @ (1 - one) + (1 - full) @ one for one in b)
    else:
        product = sum(full @ one for one in b)
    c = np.zeros((shape.m, shape.n))
    for lane in range(32):
        group, member = lane >> 2, lane % 4
        each = 2 if shape.acc_type == "f16" else 1
        for i in range(counts[3]):
            for e, code in enumerate(_elements(words[starts[3] + 32 * i + lane], wide // each)):
                number = each * i + e
                c[group + 8 * (number // 2), 2 * member + number % 2] = _value(shape.acc_type, code)
    return c + steps / 2 * product


def _expanded(shape, packed: np.ndarray, metadata: np.ndarray) -> np.ndarray:
    full = np.zeros((shape.m, shape.k))
    slots, unit = (8, 2) if shape.bits == 4 else (2, 1) if shape.a_type == "tf32" else (4, 1)
    chunks = shape.k // slots
    for row in range(16):
        group, upper = row % 8, row // 8
        for chunk in range(chunks):
            if shape.bits >= 16:  # four chunks of two rows in a lane
                nibble = int(metadata[4 * group + chunk // 4]) >> 16 * upper + 4 * (chunk % 4) & 15
            else:  # eight chunks of one row in a lane
                nibble = int(metadata[4 * group + 2 * (chunk // 8) + upper]) >> 4 * (chunk % 8) & 15
            first, second = nibble & 3, nibble >> 2
            assert first < second
            base = slots * chunk
            if shape.a_type == "tf32":
                full[row, base + first // 2] = packed[row, chunk]
                continue
            for place, index in enumerate((first, second)):
                source = unit * (2 * chunk + place)
                full[row, base + unit * index : base + unit * (index + 1)] = packed[row, source : source + unit]
    return full


@pytest.mark.parametrize("exact", [True, False])
@pytest.mark.parametrize("shape", [s for s in SHAPES if not tiles.quarters(s)], ids=lambda s: "-".join(map(str, s)))
def test_a_simulated_warp_gives_the_expected_product(shape, exact: bool) -> None:
    tile = tiles.tile(shape, 16, exact=exact, rng=np.random.default_rng(5))
    found = _simulated(shape, tile, 16)
    if shape.acc_type == "s32":
        found = (found + 2.0**31) % 2.0**32 - 2.0**31
    np.testing.assert_allclose(found, tile.expected[0], rtol=1e-12, atol=1e-9)


@pytest.mark.parametrize("shape", sorted(bench.FLOATS), ids=lambda s: "-".join(map(str, s)))
def test_accumulators_of_exact_tiles_end_as_they_began_and_are_never_zero(shape) -> None:
    tile = tiles.tile(shape, 4096, exact=True, rng=np.random.default_rng(8))
    size = 32 * tiles.registers_d(shape)
    assert (tile.words[-size:] == tile.words[-2 * size : -size]).all()
    assert (tile.expected != 0).all() and (np.abs(tile.expected) <= 2).all()


@pytest.mark.parametrize("shape", SHAPES, ids=lambda s: "-".join(map(str, s)))
def test_an_accumulator_in_the_wrong_place_is_noticed(shape) -> None:
    tile = tiles.tile(shape, 16, exact=True, rng=np.random.default_rng(6))
    left = tile.words[-32 * tiles.registers_d(shape) :].reshape(1, -1, 32)
    assert tile.matches(left)
    assert not tile.matches(np.roll(left, 4, axis=2))
    assert not tile.matches(np.full_like(left, 2**64 - 1 if shape.bits == 64 else 2**32 - 1))
