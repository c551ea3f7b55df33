"""What waits for what, in the order in which a warp issues."""

from __future__ import annotations

import pytest
from machine_code import assembled

from gridstone.compile.flow import flow
from gridstone.compile.scoreboard import reads, reads_clock, result, unawaited

LOAD = "LDG.E.64 R4, desc[UR4][R4.64] ; waits 2 ; sets 2"
CLOCK = "CS2R R8, SR_CLOCKLO"


def early(*lines: str, index: int = 0) -> int | None:
    """The position of the clock read that comes too early, or of the operation where nothing can wait."""
    code = assembled("\n".join(lines))
    found = unawaited(flow(code), index)
    return None if found is None else code.index(found)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("CS2R R8, SR_CLOCKLO", True),
        ("CS2R.32 R8, SR_CLOCKLO", True),
        ("S2UR UR4, SR_CLOCKLO", True),
        ("S2R R4, SR_CLOCKHI", True),
        ("CS2R R8, SR_GLOBALTIMERLO", False),
        ("CS2R R8, SRZ", False),
        ("S2R R4, SR_TID.X", False),
        ("MOV R4, R5", False),
    ],
)
def test_clock_reads(line: str, expected: bool) -> None:
    assert reads_clock(assembled(line)[0]) is expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LDG.E.64 R4, desc[UR4][R6.64]", "R4"),
        ("LDCU UR5, c[0x3][UR5]", "UR5"),
        ("ATOMG.E.EXCH.STRONG.GPU PT, R2, desc[UR6][R2.64], R5", "R2"),
        ("LOP3.LUT P0, R7, R2, 0x3, RZ, 0xc0, !PT", "R7"),
        ("ISETP.NE.U32.AND P0, PT, R4, -0xf, PT", "P0"),
        ("STG.E.64 desc[UR4][R6.64], R10", None),
        ("STS [R4], R5", None),
        ("EXIT", None),
    ],
)
def test_results(line: str, expected: str | None) -> None:
    assert result(assembled(line)[0]) == expected


@pytest.mark.parametrize(
    ("line", "register", "expected"),
    [
        ("LDG.E.64 R4, desc[UR4][R6.64+0x8]", "R6", True),
        ("ISETP.NE.U64.AND P0, PT, R14, -0xf, PT", "R15", True),
        ("ISETP.NE.U64.AND P0, PT, R14, -0xf, PT", "R16", False),
        ("ISETP.NE.U32.AND P0, PT, R14, -0xf, PT", "R15", False),
        ("DADD R4, R4, R6", "R7", True),
        ("LDG.E.64 R4, desc[UR4][R6.64+0x8]", "R4", False),
        ("IMAD R4, R4.reuse, R5, R6", "R4", True),
        ("IADD3 R4, -R14, RZ, RZ", "R1", False),
        ("IADD3 R4, -R14, RZ, RZ", "R14", True),
        ("ISETP.NE.AND P0, PT, R4, RZ, P0", "P0", True),
        ("ISETP.NE.AND P0, PT, R4, RZ, PT", "P0", False),
        ("@!P0 MOV R4, R5", "P0", True),
        ("STG.E [R4.64], R5", "R5", True),
        ("MOV R4, UR4", "R4", False),
    ],
)
def test_sources(line: str, register: str, expected: bool) -> None:
    assert reads(assembled(line)[0], register) is expected


def test_a_load_is_awaited_by_whatever_waits_for_its_barrier_before_the_clock() -> None:
    assert early(LOAD, "ISETP.NE.AND P0, PT, R4, RZ, PT ; waits 2", CLOCK, "EXIT") is None
    assert early(LOAD, "CS2R R8, SR_CLOCKLO ; waits 2", "EXIT") is None


def test_a_load_is_not_awaited_by_another_barrier_or_behind_the_clock() -> None:
    assert early(LOAD, "NOP ; waits 0 1 3", CLOCK, "NOP ; waits 2", "EXIT") == 2
    assert early(LOAD, CLOCK, "ISETP.NE.AND P0, PT, R4, RZ, PT ; waits 2", "EXIT") == 1


def test_a_wait_on_one_way_only_does_not_do() -> None:
    assert early(LOAD, "@P0 BRA 0x30", "NOP ; waits 2", CLOCK, "EXIT") == 3


def test_the_last_iteration_counts_not_the_next_one() -> None:
    looped = ("NOP ; waits 2", "LDG.E R4, [R4] ; sets 2", "@P0 BRA 0x0", CLOCK, "EXIT")
    assert early(*looped, index=1) == 3


def test_a_result_of_fixed_latency_is_awaited_by_its_reader() -> None:
    assert early("FFMA R4, R4, R5, R5", "ISETP.NE.AND P0, PT, R4, RZ, PT", CLOCK, "EXIT") is None
    assert early("FFMA R4, R4, R5, R5", "ISETP.NE.AND P0, PT, R5, RZ, PT", CLOCK, "EXIT") == 2


def test_a_result_overwritten_unread_is_awaited_by_nothing() -> None:
    assert early("FFMA R4, R4, R5, R5", "MOV R4, R6", "IADD3 R7, R4, RZ, RZ", CLOCK, "EXIT") == 0


def test_a_store_is_awaited_by_nothing() -> None:
    assert early("STG.E [R4.64], R5", "NOP", CLOCK, "EXIT") == 0
