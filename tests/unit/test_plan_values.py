"""Axis values written as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.declaration import Axis, values
from gridstone.plan.values import MOST, parse_values

BYTES = values([4096], open=True, unit="B", multiple=128).named("footprint")
COUNT = values([1], open=True, low=0).named("count")
SHARE = values([0.5], open=True, low=0.0, high=1.0).named("share")
WORD = values(["read", "write"]).named("pattern")
FLAG = values([True, False]).named("warm")
WIDTH = values([4, 8, 16]).named("vector")


@pytest.mark.parametrize(
    ("axis", "text", "expected"),
    [
        (BYTES, "4KiB,8KiB", (4096, 8192)),
        (BYTES, " 4KiB , 4096 ", (4096,)),
        (BYTES, "[4KiB:16KiB:x2],1GiB", (4096, 8192, 16384, 2**30)),
        (BYTES, "[4KiB:12KiB:+4KiB]", (4096, 8192, 12288)),
        (BYTES, "[1KiB:2KiB:x1.5]", (1024, 1536)),
        (COUNT, "[0:100:+40]", (0, 40, 80)),
        (COUNT, "[5:5:x2]", (5,)),
        (SHARE, "[0:1:+0.25]", (0.0, 0.25, 0.5, 0.75, 1.0)),
        (SHARE, "[0.25:1:x2]", (0.25, 0.5, 1.0)),
        (WORD, "write,read", ("write", "read")),
        (FLAG, "no,true", (False, True)),
        (WIDTH, "[4:16:x2]", (4, 8, 16)),
    ],
)
def test_lists_and_ranges(axis: Axis, text: str, expected: tuple[object, ...]) -> None:
    assert parse_values(axis, text) == expected


@pytest.mark.parametrize(
    ("axis", "text", "problem"),
    [
        (BYTES, "100", "footprint=100 is not a multiple of 128"),
        (BYTES, "big", "not a number"),
        (BYTES, "1e400", "footprint=1e400"),
        (BYTES, "", "a value of footprint is missing"),
        (BYTES, "4KiB,", "a value of footprint is missing"),
        (BYTES, "[4KiB:1GiB]", r"written \[low:high:x2\]"),
        (BYTES, "[4KiB:1GiB:*2]", r"written \[low:high:x2\]"),
        (BYTES, "[8KiB:4KiB:x2]", "runs downwards"),
        (BYTES, "[4KiB:1GiB:x1]", "never ends"),
        (BYTES, "[4KiB:1GiB:xnan]", "no step"),
        (BYTES, "[4KiB:1GiB:+0]", "never ends"),
        (BYTES, "[4KiB:1GiB:+x]", "no step"),
        (BYTES, "[4KiB:1GiB:x1.0000001]", "too long"),
        (BYTES, "[4KiB:1TiB:+128]", "too long"),
        (COUNT, "-1", "count=-1 is below 0"),
        (COUNT, "[0:8:x2]", "start above 0"),
        (SHARE, "1.5", "share=1.5 is outside 0 to 1"),
        (SHARE, "nan", "share=nan is outside"),
        (WORD, "raed", "pattern=raed is not one of read, write"),
        (WORD, "[read:write:x2]", "no numbers to range over"),
        (FLAG, "maybe", "not true or false"),
        (WIDTH, "[4:16:+2]", "vector=6 is not one of 4, 8, 16"),
    ],
)
def test_what_an_axis_does_not_take(axis: Axis, text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_values(axis, text)


def test_many_values_in_one_list_are_refused() -> None:
    text = f"[0:{MOST - 1}:+1],{MOST},{MOST + 1}"
    with pytest.raises(ValueError, match="more than"):
        parse_values(COUNT, text)


@given(low=st.integers(1, 10**6), span=st.integers(0, 10**6), step=st.integers(1, 10**6))
def test_an_added_range_is_pythons_own(low: int, span: int, step: int) -> None:
    if span // step >= MOST:
        return
    assert parse_values(COUNT, f"[{low}:{low + span}:+{step}]") == tuple(range(low, low + span + 1, step))


@given(low=st.integers(1, 10**6), octaves=st.integers(0, 20), factor=st.floats(1.01, 16))
def test_a_multiplied_range_stays_within_its_ends_and_grows(low: int, octaves: int, factor: float) -> None:
    high = low * 2**octaves
    found = parse_values(COUNT, f"[{low}:{high}:x{factor}]")
    assert found[0] == low
    assert all(isinstance(v, int) and low <= v <= high for v in found)
    assert list(found) == sorted(set(found))


@given(text=st.text(alphabet="[]:x+,0123456789.eKiBG- ", max_size=24), axis=st.sampled_from([BYTES, COUNT, SHARE]))
def test_any_text_gives_values_of_the_axis_or_a_plain_refusal(text: str, axis: Axis) -> None:
    try:
        found = parse_values(axis, text)
    except ValueError:
        return
    for value in found:
        axis.check(value)
