"""The places that the arrays of a visit get: apart from each other, aligned, and others at the next visit."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from gridstone import content

arena = content.load_module(content.folder("runners") / "arena.py")
MIB = 1 << 20
sizes = st.lists(st.one_of(st.integers(1, 5000), st.integers(MIB, 40 * MIB)), max_size=12)


@given(sizes)
def test_what_is_taken_lies_within_and_apart(wanted: list[int]) -> None:
    block = arena.Arena(64 * MIB, 128 * MIB)
    spans = []
    for size in wanted:
        at = block.take(size)
        if at is not None:
            assert at % (2 * MIB if size >= 2 * MIB else 512) == 0
            assert at >= 64 * MIB and at + size <= 192 * MIB
            spans.append((at, at + size))
    spans.sort()
    assert all(first[1] <= second[0] for first, second in pairwise(spans))


def test_what_does_not_fit_is_refused() -> None:
    block = arena.Arena(0, 16 * MIB)
    assert block.take(17 * MIB) is None
    while block.take(MIB) is not None:
        pass
    assert block.take(MIB) is None


def test_a_restart_gives_everything_back_at_another_place() -> None:
    block = arena.Arena(0, 4096 * MIB)
    places = set()
    for _ in range(100):
        places.add(block.take(1024 * MIB))
        block.restart()
    assert None not in places and len(places) > 10


def test_three_large_arrays_fill_nearly_the_whole_block_wherever_it_began() -> None:
    block = arena.Arena(0, 25000 * MIB)
    for _ in range(50):
        block.restart()
        assert all(block.take(8192 * MIB) is not None for _ in range(3))
