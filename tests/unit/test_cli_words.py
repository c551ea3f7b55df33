"""What commands say in words: cells that did not run, by what they lack."""

from __future__ import annotations

import io

import pytest

from gridstone.cli.headline import trouble_lines
from gridstone.cli.output import console, print_table, table, with_interval
from gridstone.cli.words import gathered


def test_cells_that_lack_the_same_are_one_line() -> None:
    cells = [("copy/device", "no GPU", 12), ("latency/shared", "no GPU", 3), ("latency/shared", "too old", 1)]
    assert gathered(cells) == ["15 cells of copy, latency: no GPU", "latency/shared, 1 cell: too old"]
    assert gathered([("a/b", None, 2)]) == ["a/b, 2 cells"]
    assert gathered([]) == []


def test_what_failed_keeps_a_line_of_its_own() -> None:
    records = [
        {"probe": name, "status": status, "reason": "it broke", "cells": 2}
        for name in ("copy/device", "latency/shared")
        for status in ("crashed", "skipped")
    ]
    assert trouble_lines(records) == [
        "crashed copy/device, 2 cells: it broke",
        "crashed latency/shared, 2 cells: it broke",
        "skipped 4 cells of copy, latency: it broke",
    ]


@pytest.mark.parametrize("text", ["\x1b[2J\x1b[31m", "\x9b31m", "\u202egnp", "\x07", "a\x00b"])
def test_what_a_file_says_does_not_steer_the_terminal(text: str) -> None:
    out = io.StringIO()
    screen = console(out)
    shown = table(["method"])
    shown.add_row(f"<{text}>")
    print_table(screen, shown)
    screen.print(f"reason {text} ends")
    printed = out.getvalue()
    assert "<" in printed and "ends" in printed
    assert not set(printed) & set("\x00\x07\x1b\x9b\u202e")


@pytest.mark.parametrize(
    ("value", "lo", "hi", "said"),
    [
        (4e-6, 3.9e-6, 4.1e-6, "4 us ± 2.5 %"),
        (4e-6, 1e-6, 5e-6, "4 us ± 50 %"),
        (1e-6, 0.02e-6, 1.98e-6, "1 us ± 98 %"),
        (1e-6, 0.005e-6, 1.995e-6, "1 us (5 ns to 1.995 us)"),
        (1e-9, -2e-6, 3e-6, "1 ns (-2 us to 3 us)"),
        (0.0, -1e-6, 1e-6, "0 s"),
        (4e-6, None, None, "4 us"),
    ],
)
def test_an_interval_is_told_by_its_ends_where_the_value_is_small_beside_it(
    value: float, lo: float | None, hi: float | None, said: str
) -> None:
    assert with_interval(value, lo, hi, "s") == said
