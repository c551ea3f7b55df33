"""Stamps: what a kernel wrote of its SM's cycle counter and of the global timer (see clock.cuh)."""

from __future__ import annotations

from typing import Any

import numpy as np

STAMP = np.dtype(
    [("c0", "u8"), ("c1", "u8"), ("g0", "u8"), ("g1", "u8"), ("result", "u8"), ("smid", "u4"), ("brief", "u4")]
)
_SHORTEST_NS = 5_000  # the global timer ticks in steps of up to 32 ns on Hopper, of 1 us before


def sm_hz(before: Any, after: Any) -> float:
    """SM clock in Hz between two single stamps of the same SM; NaN where they are of two SMs or too close."""
    if before["smid"] != after["smid"]:
        return float("nan")
    return _ratio(int(after["c0"]) - int(before["c0"]), int(after["g0"]) - int(before["g0"]))


def median_hz(stamps: Any) -> float:
    """Median SM clock in Hz of the stretches of several stamps; NaN where one is too short to tell."""
    passed = stamps["g1"] - stamps["g0"]
    if passed.min() < _SHORTEST_NS:
        return float("nan")
    return float(np.median((stamps["c1"] - stamps["c0"]) / passed)) * 1e9


def _ratio(cycles: int, nanoseconds: int) -> float:
    return cycles / nanoseconds * 1e9 if nanoseconds >= _SHORTEST_NS else float("nan")
