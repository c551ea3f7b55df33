"""Axis values and shares of a limit in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from gridstone.units import format_bytes


def axis_text(name: str, value: Any) -> str:
    """The value of an axis as a person reads it: `4 KiB` for one that counts bytes."""
    from gridstone.report.select import BYTE_AXES

    return format_bytes(int(value)) if name in BYTE_AXES and not isinstance(value, str) else str(value)


def axes_text(axes: Mapping[str, Any]) -> str:
    """`footprint=4 KiB stride=128 B`."""
    return " ".join(f"{name}={axis_text(name, value)}" for name, value in axes.items())


def share_of_limit(row: Mapping[str, Any]) -> str:
    """The value over its limit in percent, nothing where either is unknown."""
    value, limit = row["value"], row["limit"]
    if value is None or limit is None or not math.isfinite(value) or not math.isfinite(limit) or not limit:
        return ""
    return f"{100 * value / limit:.1f} %"
