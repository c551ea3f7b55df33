"""What strides cost: passes over banks, sectors and bursts on the wire, held against counting them one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.model.banks import passes
from gridstone.model.sectors import (
    BURST,
    LINE,
    SECTOR,
    Memory,
    Packing,
    Tier,
    footprint,
    packing,
    packing_time,
    partly,
    touched,
)

MIB = 1 << 20
L2 = Tier(
    apart=(64.0, 128.0), read=(5e-12, 8e-12), whole=(6e-12, 8e-12), part=(11e-12, 20e-12), load=8e-12, store=16e-12
)
DRAM = Tier(
    apart=(64.0, 128.0, 1024.0),
    read=(21e-12, 23e-12, 33e-12),
    whole=(15e-12, 29e-12, 47e-12),
    part=(25e-12, 48e-12, 72e-12),
    load=20e-12,
    store=22e-12,
)
SIZES = (1024.0, 1.0 * MIB, 16.0 * MIB, 24.0 * MIB, 32.0 * MIB, 256.0 * MIB)
MEMORY = Memory(
    sizes=SIZES,
    seconds=(2e-6, 2.5e-6, 8e-6, 14e-6, *(2e-6 + size / BURST * 42e-12 for size in SIZES[4:])),
    l2=L2,
    dram=DRAM,
)


def test_a_pass_serves_each_bank_once() -> None:
    assert [passes("shared", 4, stride) for stride in (0, 4, 8, 12, 64, 128, 132)] == [1, 1, 2, 1, 16, 32, 1]
    assert [passes("shared", 8, stride) for stride in (0, 8, 16, 24)] == [1, 2, 4, 2]
    assert [passes("shared", 16, stride) for stride in (0, 16, 32)] == [2, 4, 8]


def test_l1_looks_up_512_bytes_at_once() -> None:
    for stride in (20, 40, 80, 136, 144):  # few conflicts of banks, many lines
        windows = {stride * lane // 512 for lane in range(32)} | {(stride * lane + 3) // 512 for lane in range(32)}
        assert passes("l1", 4, stride) == max(passes("shared", 4, stride), len(windows))
    assert passes("l1", 4, 128) == passes("shared", 4, 128)
    assert passes("l1", 8, 136, chained=True) > passes("shared", 8, 136)


@pytest.mark.parametrize(("width", "stride"), [(4, 6), (3, 3), (8, 4), (4, -4)])
def test_strides_that_no_load_has_are_refused(width: int, stride: int) -> None:
    with pytest.raises(ValueError, match="a multiple of that apart"):
        passes("shared", width, stride)


def _covered(block: int, stride: int, unit: int, many: int) -> tuple[int, int]:
    """Units that `many` blocks reach, and those of them that are not full, byte by byte."""
    bytes_of_unit = np.zeros(many * stride // unit + 2, dtype=np.int64)
    for k in range(many):
        np.add.at(bytes_of_unit, np.arange(k * stride, k * stride + block) // unit, 1)
    reached = bytes_of_unit[: many * stride // unit]  # what one whole period holds
    return int((reached > 0).sum()), int(((reached > 0) & (reached < unit)).sum())


@given(st.integers(1, 200), st.integers(0, 300), st.sampled_from([SECTOR, BURST, LINE]))
def test_units_are_those_that_are_counted_byte_by_byte(block: int, gap: int, unit: int) -> None:
    stride, many = block + gap, unit  # after so many blocks the pattern begins anew
    reached, cut = _covered(block, stride, unit, many)
    assert touched(block, stride, unit) * many == pytest.approx(reached, abs=1e-6 * many)
    assert partly(block, stride, unit) * many == pytest.approx(cut, abs=1e-6 * many)


@pytest.mark.parametrize("count", [touched, partly])
def test_blocks_that_overlap_are_refused(count) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="do not overlap"):
        count(8, 4, SECTOR)


@given(st.sampled_from([1, 2, 4, 8, 16, 32, 64, 96]), st.integers(0, 12), st.sampled_from(["pack", "unpack"]))
def test_a_block_takes_the_bursts_that_it_moves(block: int, octave: int, direction: str) -> None:
    """Counted one by one from the definitions: bursts of a period, sectors of it that are written or filled."""
    stride = block << octave
    if stride >= 2 * BURST or block > BURST:
        return
    many = LINE
    bursts, _ = _covered(block, stride, BURST, many)
    sectors, cut = _covered(block, stride, SECTOR, many)
    spent = many * DRAM.block(block, stride, direction)  # type: ignore[arg-type]
    if direction == "pack":
        assert stride > BURST or spent == pytest.approx(bursts * DRAM.load)
    elif stride < BURST:
        assert spent == pytest.approx(sectors * DRAM.store / 2 + cut * DRAM.load / 2)
    else:
        assert spent >= many * min(DRAM.part if cut else DRAM.whole)


def test_bursts_apart_cost_what_was_measured_of_them() -> None:
    assert DRAM.block(8, 128, "pack") == pytest.approx(23e-12)
    assert DRAM.block(64, 1024, "pack") == pytest.approx(33e-12) == DRAM.block(1, 8192, "pack")
    assert 23e-12 < DRAM.block(8, 256, "pack") < 33e-12
    assert DRAM.block(8, 1024, "unpack") == pytest.approx(72e-12)  # the sector's rest is read before it is written
    assert DRAM.block(32, 1024, "unpack") == pytest.approx(47e-12)  # whole sectors need not be read
    assert DRAM.block(256, 1024, "pack") == pytest.approx(33e-12 + 3 * DRAM.load)  # the row is open by then
    assert DRAM.block(256, 1024, "unpack") == pytest.approx(4 * DRAM.store)
    assert DRAM.block(64, 64, "unpack") == pytest.approx(DRAM.store)


def test_contiguous_packing_is_given_back() -> None:
    for size, seconds in zip(MEMORY.sizes, MEMORY.seconds, strict=True):
        for direction in ("pack", "unpack"):
            found = packing_time(size, 4096, 4096, direction=direction, memory=MEMORY)  # type: ignore[arg-type]
            assert found == pytest.approx(seconds, rel=0.01), (size, direction)


def test_lines_are_lost_where_contiguous_ones_are() -> None:
    assert MEMORY.held == 16 * MIB
    lost = [MEMORY.missing(mib * MIB) for mib in (8, 32, 40, 48, 56, 64, 1024)]
    assert lost[:2] == [0, 0] and lost[-2:] == pytest.approx([1, 1], abs=0.01) and lost == sorted(lost)
    assert 0 < lost[3] < 1
    assert footprint(1 << 20, 8, 1024) == (1 << 20) + (1 << 17) * LINE  # a line for each block


def test_packing_takes_its_call_its_strided_side_and_its_packed_side() -> None:
    size = 16 * MIB
    blocks = size // 8
    packed = packing_time(size, 8, 128, direction="pack", memory=MEMORY)
    assert packed == pytest.approx(2e-6 + blocks * 23e-12 + size / BURST * 22e-12)
    unpacked = packing_time(size, 8, 128, direction="unpack", memory=MEMORY)
    assert unpacked == pytest.approx(2e-6 + blocks * 48e-12 + size / BURST * 20e-12)
    cached = packing_time(MIB // 2, 8, 1024, direction="pack", memory=MEMORY)
    assert cached < packing_time(MIB // 2, 8, 1024, direction="unpack", memory=MEMORY)
    assert cached == pytest.approx(MEMORY.cached((MIB // 2 // 8) * 8e-12, MIB // 2 / BURST * 16e-12))
    assert cached == pytest.approx(MEMORY.cached((MIB // 2 // 8) * 8e-12, 0))  # reading is what takes longer


@given(
    st.sampled_from([1, 8, 24, 64, 128]), st.sampled_from([128, 256, 1000, 8192]), st.sampled_from(["pack", "unpack"])
)
def test_more_bytes_never_take_less(block: int, stride: int, direction: str) -> None:
    times = [
        packing_time(block * 2.0**k, block, stride, direction=direction, memory=MEMORY)  # type: ignore[arg-type]
        for k in range(25)
    ]
    assert times == sorted(times)


def test_a_course_of_packing_survives_its_record() -> None:
    course = Packing(memory=MEMORY, direction="unpack")
    at = np.array([[2, 128, 8, 1e6], [3, 1024, 64, 1e8], [2, 8, 8, 4096.0]])
    again = packing(course.record())
    assert again == course
    assert again.at(at).tolist() == course.at(at).tolist()
    assert course.at(at)[0] == packing_time(1e6, 8, 128, direction="unpack", memory=MEMORY)
    assert replace(course, direction="pack").at(at)[0] < course.at(at)[0]
