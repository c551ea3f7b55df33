"""What commands say in words: cells that did not run, by what they lack."""

from __future__ import annotations

from gridstone.cli.headline import trouble_lines
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
