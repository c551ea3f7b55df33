"""What others have published for the same quantities, and how our values stand beside it."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from gridstone.content import folder
from gridstone.report.section import Fact
from gridstone.report.words import percent
from gridstone.units import format_value

Verdict = Literal["normal", "low", "impossible"]
_HOPPER = ("H100", "H200", "H800", "H20", "GH200")
_WORDS = {"l1": "L1", "l15": "L1.5", "l2": "L2", "dram": "DRAM", "pcie5": "PCIe 5", "h2d": "host to device"}
_TOLERANCE = 0.10  # two correct measurements of one chip at different clocks differ by less
_ALIKE = 0.05  # beyond this a difference wants an explanation
_INCREDIBLE = 0.25  # nobody beats a latency in cycles on the same architecture by more


@dataclass(frozen=True, kw_only=True)
class Published:
    """A range from one source. `scope` says whom it binds: the whole `architecture`, or that `device` alone.

    note: what the value is. differs: why a correct value of ours may lie elsewhere. sm_mhz: the clock that its cycles
    were counted at, where the path keeps a clock of its own, so that another SM clock counts other cycles.
    """

    quantity: str
    device: str
    low: float
    high: float
    unit: str
    scope: str
    source: str
    quality: str
    note: str
    differs: str = ""
    sm_mhz: float | None = None


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One published range beside our value: where ours lies (`alike`, `7 % above`), and why."""

    range: str
    place: str
    why: str
    published: Published


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A fact of ours beside the published ranges for it, and the verdict that follows from the credible ones."""

    quantity: str
    ours: str
    interval: str
    n: int
    detail: str
    verdict: Verdict | None
    why: str
    sources: tuple[Beside, ...]


@cache
def published(path: Path | None = None) -> tuple[Published, ...]:
    """The rows of `reports/published.csv`."""
    with (path or folder("reports") / "published.csv").open(newline="", encoding="utf-8") as file:
        return tuple(
            Published(
                **{  # type: ignore[arg-type]
                    **row,
                    "low": float(row["low"]),
                    "high": float(row["high"]),
                    "sm_mhz": float(row["sm_mhz"]) if row["sm_mhz"] else None,
                }
            )
            for row in csv.DictReader(file)
        )


def is_hopper(device: str, info: Mapping[str, Any]) -> bool:
    """Whether a run is of a Hopper GPU: by its compute capability, or by its name where run.json has none."""
    gpu = info.get("gpu")
    capability = gpu.get("compute_capability") if isinstance(gpu, Mapping) else None
    if isinstance(capability, Sequence) and len(capability) == 2:
        return bool(capability[0] == 9)
    return any(word in _HOPPER for word in device.replace("-", " ").split())


def comparisons(facts: Iterable[Fact], device: str, known: Sequence[Published] | None = None) -> list[Comparison]:
    """A comparison for each fact that somebody published about, in the same unit, for this device."""
    ranges = published() if known is None else known
    found = []
    for fact in facts:
        rows = [p for p in ranges if p.quantity == fact.quantity and p.unit == fact.unit and _binds(p, device)]
        if rows:
            found.append(_compare(fact, rows))
    return found


def verdict(fact: Fact, credible: Sequence[Published]) -> tuple[Verdict | None, str]:
    """`impossible` beyond a limit or beyond belief, `low` where worse than every credible source, else `normal`."""
    if fact.limit is not None and (fact.lo > fact.limit if fact.better == "higher" else fact.hi < fact.limit):
        return "impossible", f"beyond its limit of {format_value(fact.limit, fact.unit)}"
    if not credible:
        return None, "no credible source to compare with"
    low, high = min(p.low for p in credible), max(p.high for p in credible)
    if fact.better == "lower":
        if fact.unit.startswith("cycle") and fact.hi < low * (1 - _INCREDIBLE):
            return "impossible", "far below every credible source for this architecture"
        if fact.lo > high * (1 + _TOLERANCE):
            return "low", f"slower than published by {percent(fact.value / high - 1)}"
        return "normal", "within the published range" if fact.value >= low * (
            1 - _TOLERANCE
        ) else "better than published"
    if fact.hi < low * (1 - _TOLERANCE):
        return "low", f"below published by {percent(1 - fact.value / low)}"
    return "normal", "within the published range" if fact.value <= high * (1 + _TOLERANCE) else "better than published"


def _binds(row: Published, device: str) -> bool:
    return row.scope == "architecture" or row.device.split()[0] in device.replace("-", " ").split()


def _at_clock(row: Published, mhz: float | None) -> Published:
    """The range at our SM clock: the part of a path in the SM's clock keeps its cycles, the other part its time."""
    if row.sm_mhz is None or mhz is None:
        return row
    ratio = mhz / row.sm_mhz
    return replace(row, low=row.low * min(1, ratio), high=row.high * max(1, ratio))


def _compare(fact: Fact, rows: Sequence[Published]) -> Comparison:
    word, why = verdict(fact, [_at_clock(p, fact.sm_mhz) for p in rows if p.quality != "suspect"])
    return Comparison(
        quantity=" ".join(_WORDS.get(word, word) for word in fact.quantity.split("_")),
        ours=format_value(fact.value, fact.unit),
        interval=_span(fact.lo, fact.hi, fact.unit),
        n=fact.n,
        detail=fact.detail,
        verdict=word,
        why=why,
        sources=tuple(_beside(fact.value, p) for p in rows),
    )


def _beside(value: float, row: Published) -> Beside:
    place, why = "alike", ""
    if value > row.high * (1 + _ALIKE):
        place = f"here {percent(value / row.high - 1)} above"
    elif value < row.low * (1 - _ALIKE):
        place = f"here {percent(1 - value / row.low)} below"
    if row.quality == "suspect":
        place, why = f"{place}, suspect", row.note
    elif place != "alike":
        why = row.differs or "not explained"
    return Beside(range=_span(row.low, row.high, row.unit), place=place, why=why, published=row)


def _span(low: float, high: float, unit: str) -> str:
    """`258 cycle/hop` or `32 to 33 cycle/hop`: the unit once where both ends have the same."""
    first, last = format_value(low, unit), format_value(high, unit)
    if first == last:
        return last
    number, _, name = first.partition(" ")
    return f"{number} to {last}" if last.endswith(f" {name}") else f"{first} to {last}"
