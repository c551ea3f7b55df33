"""Metrics that say nothing of a cell of which others do: no fault of the cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def unsaid(rows: pd.DataFrame) -> pd.Series[bool]:
    """By row: whether it was skipped and another of its cell was not.

    A run that was loaded with others has cells of its own, where there is a column `run_id`.
    """
    skipped = rows["status"] == "skipped"
    cell = [rows["run_id"], rows["cell_id"]] if "run_id" in rows else [rows["cell_id"]]
    return skipped & ~skipped.groupby(cell).transform("all")
