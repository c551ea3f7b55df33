"""What strides cost: passes over banks, sectors and bursts on the wire, held against counting them one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.model.banks import passes
from gridstone.model.sectors import BURST, SECTOR, Memory, effective_bandwidth, in_l2, moved, packing_time, touched

GIB = 1 << 30
MEMORY = Memory(
    l2=50 << 20, sizes=(1 << 10, 1 << 20, 1 << 30), seconds=(2e-6, 3e-6, 720e-6), streamed=3e12, scattered=1.5e12
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


@given(st.integers(1, 200), st.integers(0, 300), st.sampled_from([SECTOR, BURST]))
def test_units_are_counted_once(block: int, gap: int, unit: int) -> None:
    stride, many = block + gap, 4 * unit
    reached = {byte // unit for k in range(many) for byte in (k * stride, *range(k * stride, k * stride + block, 8))}
    reached |= {(k * stride + block - 1) // unit for k in range(many)}
    assert touched(block, stride, unit) == pytest.approx(len(reached) / many, abs=2 / many)


def test_blocks_that_overlap_are_refused() -> None:
    with pytest.raises(ValueError, match="do not overlap"):
        touched(8, 4, SECTOR)


def test_what_is_not_wanted_moves_too() -> None:
    assert moved(128, 1024, direction="pack", unit=BURST) == 1
    assert moved(8, 1024, direction="pack", unit=SECTOR) == 4
    assert moved(8, 1024, direction="pack", unit=BURST) == 8
    assert moved(8, 1024, direction="unpack", unit=BURST) == 16  # the rest of a burst is read before it is written
    assert moved(32, 1024, direction="unpack", unit=BURST) == 2  # whole sectors need not be read
    assert moved(8, 8, direction="unpack", unit=BURST) == 1


def test_packing_is_a_copy_of_what_moves() -> None:
    whole = effective_bandwidth(GIB, 128, 1024, direction="pack", memory=MEMORY)
    assert whole == pytest.approx(2 * GIB / MEMORY.copy_time(GIB))
    assert packing_time(1 << 16, 8, 128, direction="pack", memory=MEMORY) == MEMORY.copy_time(2.5 * (1 << 16))
    assert in_l2(1 << 16, 8, 128, MEMORY.l2) and not in_l2(4 << 20, 8, 1024, MEMORY.l2)
    in_order = packing_time(16 << 20, 8, 512, direction="pack", memory=MEMORY)
    apart = packing_time(16 << 20, 8, 1024, direction="pack", memory=MEMORY)
    assert apart == pytest.approx(2e-6 + 8 * (16 << 20) / 1.5e12 + (16 << 20) / 3e12)
    assert in_order < apart
    assert MEMORY.copy_time(3 * GIB) == pytest.approx(720e-6 + 4 * GIB / 3e12)
