"""What the curves of the cache family say: each finding a value, how sure it is, and what the driver says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.report import first_level, second_level
from gridstone.report.finding import Finding, bring
from gridstone.report.select import trusted

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Finding", "findings"]


def findings(rows: pd.DataFrame) -> list[Finding]:
    """All that the rows of the cache family say, nearest level first. Rows that are not ok are left out."""
    good = trusted(rows)
    return [
        *first_level.sizes(good),
        *first_level.line(good),
        *bring(good, "cache/l1_sector", "sector", "Sector of L1: what one miss brings"),
        *first_level.ways(good),
        *first_level.constant(good),
        *second_level.sizes(good),
        *bring(good, "cache/l2_sector", "l2_fetch", "What L2 fetches from DRAM for one miss"),
        *second_level.slices(good),
        *second_level.persisting(good),
        *second_level.translation(good),
    ]
