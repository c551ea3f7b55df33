"""Requests and sectors of gathers, against a warp that is played lane by lane."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gridstone.model.lines import METHODS, touched


def played(method: str, row_bytes: int, vector: int, order: list[int], align: int) -> tuple[int, int]:
    """Requests and sectors as the kernel makes them: every instruction's lanes, their lines and sectors."""
    length = row_bytes // vector
    instructions: list[set[int]] = []
    if method in ("plain", "circular"):
        flat = []
        for k, row in enumerate(order):
            start = row * row_bytes + align
            moved = (k * length - start // vector) % (128 // vector) if method == "circular" else 0
            for column in range(length):
                flat.append(start + (column + moved) % length * vector)
        instructions = [set(flat[i : i + 32]) for i in range(0, len(flat), 32)]
    else:
        for row in order:
            start = row * row_bytes + align
            before = start % 128 // vector if method == "masked" else 0
            for first in range(-before, length, 32):
                lanes = [min(max(first + lane, 0), length - 1) for lane in range(32)]
                instructions.append({start + lane * vector for lane in lanes})
    touches = [{(a + b) // 32 for a in one for b in (0, vector - 1)} for one in instructions]
    return sum(len({s // 4 for s in one}) for one in touches), sum(map(len, touches))


@settings(max_examples=150, deadline=None)
@given(
    method=st.sampled_from([m for m in METHODS if m != "bulk"]),
    vector=st.sampled_from([4, 8, 16]),
    length=st.integers(1, 160),
    # Rows far apart, so that no two of them share a line; what they share is not counted once.
    order=st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True),
    shift=st.integers(0, 31),
)
def test_requests_and_sectors_are_those_of_the_lanes(
    method: str, vector: int, length: int, order: list[int], shift: int
) -> None:
    row_bytes, align = length * vector, shift * vector % 128
    if method == "circular" and row_bytes < 128:
        return  # such rows are not gathered that way
    apart = [row * 128 for row in order]
    found = touched(method, row_bytes=row_bytes, vector=vector, order=apart, align=align)
    requests, sectors = played(method, row_bytes, vector, apart, align)
    # A short row's end and beginning may lie in one line of one instruction: counted twice, once per row at most.
    slack = len(order) if method == "circular" and row_bytes < 32 * vector + 128 else 0
    assert 0 <= found.requests * len(order) - requests <= slack + 1e-6
    assert 0 <= found.sectors * len(order) - sectors <= slack + 1e-6


def test_aligned_rows_ask_for_what_they_hold() -> None:
    for method in METHODS:
        found = touched(method, row_bytes=2048, vector=16, order=range(64))
        assert (found.requests, found.sectors, found.wire_bytes) == (16, 64, 2048)


def test_misaligned_rows_cost_the_plain_method_most() -> None:
    counts = {m: touched(m, row_bytes=2048, vector=4, order=range(64), align=4).requests for m in METHODS}
    assert counts == {"plain": 32, "warp_per_row": 32, "circular": 17, "masked": 17, "bulk": 17}


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ValueError, match="no gather method 'plane'"):
        touched("plane", row_bytes=4, vector=4, order=[0])
