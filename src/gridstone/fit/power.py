"""power of tensor cores at equilibrium, by how many bits of their operands change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells
from gridstone.fit.tensor_power import PROBE, at_its_clock, laws

if TYPE_CHECKING:
    import pandas as pd

NAME = "power"
FORM = "watts over the root of the operands' activity, up to the card's cap"
PROBES = (PROBE,)


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per type and regime."""
    rows = at_its_clock(frame, "power")
    return laws(rows, cells(rows), "W", candidates=("capped",), rises=True)
