"""What a file in reports/sections/ gives the page. The page adds tables, commands and comparisons itself.

A section file has `FAMILY`, `ORDER` (its place in the page), `PROBES` (the probes that it draws; any other probe of the
family gets a generic picture below) and `section(rows: pandas.DataFrame) -> Section`, called with the rows of those
probes that have a value, at least one. A file whose `FAMILY` is no family of probes speaks of several together: its
chapter has no tables, and its `section` may answer None where there is too little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gridstone.declaration.metric import Better


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A figure as SVG (from `gridstone.figure`) and the caption that says how to read it."""

    svg: str
    caption: str
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A number that the section stands for, under the name that `reports/published.csv` uses; SI units.

    detail: how it was measured, where that decides with which published value it may be compared. sm_mhz: the clock
    that cycles were counted at.
    """

    quantity: str
    value: float
    lo: float
    hi: float
    n: int
    unit: str
    better: Better
    limit: float | None = None
    detail: str = ""
    sm_mhz: float | None = None


def fact(quantity: str, row: Mapping[str, Any], detail: str = "") -> Fact:
    """A row of results as a fact; of cycles the clock that they were counted at is kept."""
    limit, mhz = row.get("limit"), row.get("sm_mhz")
    return Fact(
        quantity=quantity,
        value=row["value"],
        lo=row["lo"],
        hi=row["hi"],
        n=int(row["n"]),
        unit=row["unit"],
        better=row["better"],
        limit=limit if limit == limit else None,
        detail=detail,
        sm_mhz=mhz if mhz == mhz and row["unit"].startswith("cycle") else None,
    )


@dataclass(frozen=True, kw_only=True)
class Section:
    """heading: a claim computed from the rows. lead: what stands behind it. headline: fit for the page's first line."""

    heading: str
    lead: str = ""
    panels: tuple[Panel, ...] = ()
    facts: tuple[Fact, ...] = ()
    headline: str | None = None
