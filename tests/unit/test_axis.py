"""Axes: which values they list, and which they take from the command line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.declaration import Axis, pow2, values
from gridstone.declaration.axis import as_axis


@given(st.integers(0, 30), st.integers(0, 12), st.integers(1, 16))
def test_a_geometric_axis_rises_from_low_to_high(low: int, octaves: int, density: int) -> None:
    axis = pow2(2**low, 2 ** (low + octaves), per_octave=density)
    listed = list(axis.standard)
    assert listed[0] == 2**low
    assert listed[-1] == 2 ** (low + octaves)
    assert listed == sorted(set(listed))
    assert len(listed) <= octaves * density + 1


@given(st.sampled_from([4, 32, 128]), st.integers(1, 8))
def test_rounded_values_are_multiples_and_are_taken_back(multiple: int, density: int) -> None:
    axis = pow2("1KiB", "1MiB", per_octave=density, multiple=multiple).named("footprint")
    for value in axis.standard:
        assert value % multiple == 0
        assert axis.parse(str(value)) == value


def test_profiles_have_their_own_density() -> None:
    axis = pow2("1KiB", "4KiB", per_octave=2, quick=1, full=4)
    assert [len(axis.values(p)) for p in ("quick", "standard", "full")] == [3, 5, 9]


def test_every_second_octave() -> None:
    assert pow2(1, 64, every=2).standard == (1, 4, 16, 64)


@pytest.mark.parametrize(("low", "high"), [(0, 4), (8, 4)])
def test_an_empty_range_is_refused(low: int, high: int) -> None:
    with pytest.raises(ValueError, match="has no value"):
        pow2(low, high)


def test_byte_axes_read_units() -> None:
    assert as_axis("footprint", [4096]).parse("4KiB") == 4096
    with pytest.raises(ValueError, match="warps=4KiB is not a number"):
        as_axis("warps", [4]).parse("4KiB")


@pytest.mark.parametrize("name", ["bytes", "stride", "block"])
def test_a_list_of_values_under_a_name_of_bytes_reads_units_too(name: str) -> None:
    axis = as_axis(name, values([4096, 16384, 65536], quick=[16384]))
    assert axis.parse("16KiB") == 16384
    with pytest.raises(ValueError, match=f"{name}=8192 is not one of 4096, 16384, 65536"):
        axis.parse("8KiB")


def test_words_under_a_name_of_bytes_are_words() -> None:
    assert as_axis("block", values(["4KiB", "all"])).parse("4KiB") == "4KiB"


def test_a_closed_axis_takes_only_what_it_lists() -> None:
    axis = as_axis("pattern", ["read", "write"])
    assert axis.parse("read") == "read"
    with pytest.raises(ValueError, match="pattern=red is not one of read, write"):
        axis.parse("red")


def test_values_of_another_profile_are_taken_too() -> None:
    assert values(["a"], full=["a", "b"]).named("x").parse("b") == "b"


@pytest.mark.parametrize("text", ["0", "-4", "nan", "1e30", str(2**63), "6"])
def test_an_open_axis_refuses_what_lies_outside(text: str) -> None:
    with pytest.raises(ValueError, match="bytes="):
        values([4, 8], open=True, unit="B", multiple=4).named("bytes").parse(text)


@given(st.lists(st.integers(-5, 5), min_size=1) | st.lists(st.floats(-1, 1), min_size=1))
def test_an_axis_takes_what_its_declaration_lists(listed: list[float]) -> None:
    axis = as_axis("x", listed)
    for value in listed:
        axis.check(value)


@pytest.mark.parametrize(("text", "value"), [("true", True), ("No", False), ("1", True)])
def test_booleans(text: str, value: bool) -> None:
    assert as_axis("sparse", [False, True]).parse(text) is value


def test_an_unreadable_boolean_is_refused() -> None:
    with pytest.raises(ValueError, match="not true or false"):
        as_axis("sparse", [False, True]).parse("maybe")


def test_values_of_two_types_or_none_are_refused() -> None:
    with pytest.raises(ValueError, match="one type"):
        values([1, "a"])
    with pytest.raises(ValueError, match="has no value"):
        as_axis("x", [])


def test_an_axis_is_known_by_its_name() -> None:
    assert isinstance(as_axis("x", values([1])), Axis)
    assert as_axis("x", values([1])).name == "x"
