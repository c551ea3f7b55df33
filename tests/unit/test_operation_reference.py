"""The references of single operations against plain Python integers and a matrix product written out by lanes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone import content

RUNNERS = content.folder("runners")
REFERENCES = content.load_module(RUNNERS / "operation_reference.py").REFERENCES
DPX = content.load_module(RUNNERS / "dpx_reference.py").REFERENCES
OPERANDS = content.load_module(RUNNERS / "operation_operands.py")
MASK = 2**32 - 1
words = st.integers(0, MASK)


def signed(x: int, bits: int = 32) -> int:
    x &= 2**bits - 1
    return x - 2**bits if x >> (bits - 1) else x


def byte_of(x: int, place: int) -> int:
    return x >> 8 * place & 0xFF


def prmt(x: int, a: int, b: int) -> int:
    pool, found = x | a << 32, 0
    for place in range(4):
        pick = b >> 4 * place & 0xF
        byte = byte_of(pool, pick & 7)
        found |= (0xFF * (byte >> 7) if pick & 8 else byte) << 8 * place
    return found


SCALAR: dict[str, Callable[[int, int, int], int]] = {
    "add_s32": lambda x, a, b: x + a + b,
    "mad_s32": lambda x, a, b: x * a + b,
    "mad_hi_u32": lambda x, a, b: (x * a >> 32) + b,
    "dp4a": lambda x, a, b: sum(signed(byte_of(x, i), 8) * signed(byte_of(a, i), 8) for i in range(4)) + b,
    "min_max_s32": lambda x, a, b: max(min(signed(x), signed(a)), signed(b)),
    "sad_s32": lambda x, a, b: abs(signed(x) - signed(a)) + b,
    "lop3": lambda x, a, b: sum(
        (0x6A >> (4 * (x >> i & 1) + 2 * (a >> i & 1) + (b >> i & 1)) & 1) << i for i in range(32)
    ),
    "shf_l_wrap": lambda x, a, b: (a << (b & 31)) | (x >> (32 - (b & 31))),
    "prmt": prmt,
    "popc": lambda x, a, b: x.bit_count(),
    "brev": lambda x, a, b: int(f"{x:032b}"[::-1], 2),
    "flo": lambda x, a, b: x.bit_length() - 1,
    "clz": lambda x, a, b: 32 - x.bit_length(),
    "setp_selp_s32": lambda x, a, b: b if signed(x) > signed(a) else x,
    "div_u32": lambda x, a, b: a // x if x else MASK,
    "cvt_f32_tf32": lambda x, a, b: (x + 0x1000) & ~0x1FFF,
}


def array(*values: int) -> list[np.ndarray]:
    return [np.array([v], np.uint32) for v in values]


@pytest.mark.parametrize("name", SCALAR)
@given(x=words, a=words, b=words)
def test_an_integer_operation_is_that_of_plain_integers(name: str, x: int, a: int, b: int) -> None:
    with np.errstate(all="ignore"):
        found = REFERENCES[name](*array(x, a, b), 0)
    assert int(found[0]) == SCALAR[name](x, a, b) & MASK


def parts(x: int, kind: str) -> list[int]:
    """The one or two numbers of a word, the lower half first."""
    bits = 16 if kind.endswith("x2") else 32
    raw = [x >> at & (2**bits - 1) for at in range(0, 32, bits)]
    return [signed(v, bits) for v in raw] if kind.startswith("s") else raw


def wrapped(x: int, kind: str) -> int:
    bits = 16 if kind.endswith("x2") else 32
    return signed(x, bits) if kind.startswith("s") else x % 2**bits


def dpx(name: str, x: int, a: int, b: int, odd: bool) -> int:
    """A DPX intrinsic by its description in the CUDA math API, on one word."""
    stem, kind, *rest = name.split("_")
    bits = 16 if kind.endswith("x2") else 32
    pick = max if "max" in stem else min
    found = []
    for u, v, w in zip(parts(x, kind), parts(a, kind), parts(b, kind), strict=True):
        if stem.startswith("viadd"):
            one = pick(wrapped(u + v, kind), w)
        elif stem.endswith("3"):
            one = pick(u, v, w)
        elif odd and "fused" not in rest and not stem.startswith("vib"):
            one = (min if pick is max else max)(u, v)
        else:
            one = pick(u, v)
        found.append(max(one, 0) if "relu" in rest else one)
    word = sum((v & (2**bits - 1)) << bits * i for i, v in enumerate(found))
    first_was_it = found[-1] == parts(x, kind)[-1]
    return word if not stem.startswith("vib") or first_was_it else b


@pytest.mark.parametrize("name", DPX)
@given(x=words, a=words, b=words, odd=st.booleans())
def test_a_dpx_intrinsic_is_what_the_math_api_says(name: str, x: int, a: int, b: int, odd: bool) -> None:
    found = DPX[name](*array(x, a, b), int(odd))
    assert int(found[0]) == dpx(name, x, a, b, odd)


def test_there_are_36_dpx_intrinsics_and_two_that_show_fusing() -> None:
    assert len(DPX) == 38
    assert sum(name.endswith("_fused") for name in DPX) == 2


def half(x: np.uint64, place: int) -> float:
    return float(np.array([int(x) >> 16 * place & 0xFFFF], np.uint16).view(np.float16)[0])


def test_the_tensor_core_product_has_the_layout_of_the_ptx_isa() -> None:
    x, a, b, *_ = OPERANDS.draw("ternary", np.random.default_rng(5), 1, 64)
    found = REFERENCES["mma_f16"](x, a, b, 0)
    for warp in (0, 32):
        rows, columns, before, after = np.zeros((16, 8)), np.zeros((8, 8)), np.zeros((16, 8)), np.zeros((16, 8))
        for lane in range(32):
            group, member = divmod(lane, 4)
            for i in range(2):
                at = 2 * member + i
                columns[at, group] = half(b[warp + lane], i)
                for matrix, values in ((rows, a), (before, x), (after, found)):
                    matrix[group, at] = half(values[warp + lane], i)
                    matrix[group + 8, at] = half(values[warp + lane], 2 + i)
        assert (after == before + rows @ columns).all()


def test_shuffles_take_from_other_lanes_and_keep_their_own_at_the_ends() -> None:
    x, step = np.arange(64, dtype=np.uint32), np.full(64, 3, np.uint32)
    lane = np.arange(64) % 32
    for name, source in (
        ("shfl_up", lane - 3),
        ("shfl_down", lane + 3),
        ("shfl_bfly", lane ^ 3),
        ("shfl_idx", 0 * lane + 3),
    ):
        inside = np.where((source >= 0) & (source < 32), source, lane)
        assert (REFERENCES[name](x, step, step, 0) == inside + np.arange(64) // 32 * 32).all()


def test_votes_and_reductions_give_a_whole_warp_the_same() -> None:
    x = np.random.default_rng(3).integers(0, 2**32, 64, dtype=np.uint32)
    zero, high = np.zeros(64, np.uint32), np.full(64, 2**31, np.uint32)
    for warp in (slice(0, 32), slice(32, 64)):
        mask = sum(int(v > 2**31) << i for i, v in enumerate(x[warp]))
        total = sum(map(int, x[warp])) & MASK
        assert (REFERENCES["vote_ballot"](x, high, high, 0)[warp] == mask).all()
        assert (REFERENCES["redux_add"](x, zero, zero, 0)[warp] == total).all()
        assert (REFERENCES["redux_max"](x, zero, zero, 0)[warp].view(np.int32) == x[warp].view(np.int32).max()).all()
