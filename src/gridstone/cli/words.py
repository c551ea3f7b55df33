"""Axis values, shares of a limit, cells that do not run and those that a run has, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from gridstone.units import format_bytes


def axis_text(name: str, value: Any) -> str:
    """The value of an axis as a person reads it: `4 KiB` for one that counts bytes."""
    from gridstone.report.select import BYTE_AXES

    return format_bytes(int(value)) if name in BYTE_AXES and not isinstance(value, str) else str(value)


def axes_text(axes: Mapping[str, Any]) -> str:
    """`footprint=4 KiB stride=128 B`."""
    return " ".join(f"{name}={axis_text(name, value)}" for name, value in axes.items())


def gathered(cells: Iterable[tuple[str, str | None, int]]) -> list[str]:
    """A line per reason: `latency/shared, 3 cells: no GPU`, or `15 cells of copy, latency: no GPU` of several probes.

    cells: a probe, a reason and how many cells it keeps from running.
    """
    by_reason: dict[str | None, dict[str, int]] = {}
    for probe, reason, count in cells:
        counts = by_reason.setdefault(reason, {})
        counts[probe] = counts.get(probe, 0) + count
    lines = []
    for reason, counts in by_reason.items():
        total = sum(counts.values())
        number = _cells(total)
        families = sorted({probe.split("/")[0] for probe in counts})
        whom = f"{next(iter(counts))}, {number}" if len(counts) == 1 else f"{number} of {', '.join(families)}"
        lines.append(f"{whom}: {reason}" if reason else whom)
    return lines


def resumed(finished: int, short: int) -> str:
    """What a run that is resumed has: `12 cells are finished, 3 lack a pass`."""
    done = f"{_cells(finished)} {'is' if finished == 1 else 'are'} finished"
    return done + (f", {short} {'lacks' if short == 1 else 'lack'} a pass" if short else "")


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'}"


def share_of_limit(row: Mapping[str, Any]) -> str:
    """The value over its limit in percent, nothing where either is unknown."""
    value, limit = row["value"], row["limit"]
    if value is None or limit is None or not math.isfinite(value) or not math.isfinite(limit) or not limit:
        return ""
    return f"{100 * value / limit:.1f} %"
