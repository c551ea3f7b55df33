"""clock of the SMs while tensor cores work, by how many bits of their operands change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells
from gridstone.fit.tensor_power import PROBE, at_its_clock, laws

if TYPE_CHECKING:
    import pandas as pd

NAME = "clock"
FORM = "hertz over the root of the operands' activity"
PROBES = (PROBE,)


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per type and regime. The rate goes with the clock: its interval is that of the clock too."""
    rows = at_its_clock(frame, "rate")
    rows = rows[rows["sm_mhz"] > 0]
    return laws(rows, cells(rows, factor=1e6 * rows["sm_mhz"].to_numpy(float) / rows["value"].to_numpy(float)), "Hz")
