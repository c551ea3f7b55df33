"""Quantities to and from text."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gridstone.units import format_bytes, format_si, format_value, parse_bytes, parse_seconds


@pytest.mark.parametrize(
    ("text", "count"),
    [("4096", 4096), ("4KiB", 4096), ("4 kib", 4096), ("1.5GiB", 3 << 29), ("2GB", 2 * 10**9), ("1k", 1000)],
)
def test_bytes_are_read(text: str, count: int) -> None:
    assert parse_bytes(text) == count


@pytest.mark.parametrize("text", ["", "KiB", "1.5", "4 kibi", "-1", "1e400", "nan", "0x10", "1KiB2"])
def test_what_is_no_number_of_bytes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a number of bytes"):
        parse_bytes(text)


@given(st.integers(min_value=0, max_value=999), st.sampled_from([0, 10, 20, 30, 40]))
def test_whole_binary_sizes_survive_the_round_trip(number: int, power: int) -> None:
    assert parse_bytes(format_bytes(number << power)) == number << power


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0.5", 0.5), ("200ms", 0.2), ("60s", 60), ("10m", 600), ("1h", 3600), ("3us", 3e-6)],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_seconds(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "-1s", "10 weeks", "s", "1e999", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_seconds(text)


@given(st.floats(min_value=1e-11, max_value=1e14))
def test_an_si_number_has_at_most_three_digits_before_the_point_and_keeps_its_value(value: float) -> None:
    number, unit = format_si(value, "B/s").split()
    assert float(number) < 1000
    scale = {"T": 1e12, "G": 1e9, "M": 1e6, "k": 1e3, "B": 1, "m": 1e-3, "u": 1e-6, "n": 1e-9, "p": 1e-12}
    assert float(number) * scale[unit[0]] == pytest.approx(value, rel=6e-4)


def test_rounding_moves_to_the_next_prefix() -> None:
    assert format_si(999.99, "B/s") == "1 kB/s"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "s", "–"),
        (math.nan, "s", "–"),
        (0.0, "s", "0 s"),
        (1.234e-6, "s", "1.234 us"),
        (4.5e12, "B/s", "4.5 TB/s"),
        (33.1234, "cycle/hop", "33.12 cycle/hop"),
        (1536.0, "B", "1.5 KiB"),
        (1.188e-9, "s/hop", "1.188 ns/hop"),
        (6.366e5, "message/s", "636.6 kmessage/s"),
        (1.499e16, "flop/s", "14,990 Tflop/s"),
        (65478.0, "flop/cycle", "65,480 flop/cycle"),
        (math.inf, "B", "inf B"),
        (-0.02, "1", "-0.02"),
    ],
)
def test_values_are_written_as_people_read_them(value: float | None, unit: str, text: str) -> None:
    assert format_value(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(9999.4, "9999"), (9999.96, "10,000"), (999_999_999.9, "1e+09"), (123_456.0, "123,500")]
)
def test_a_number_is_rounded_before_it_is_decided_how_to_write_it(value: float, text: str) -> None:
    assert format_value(value, "cycle") == f"{text} cycle"
