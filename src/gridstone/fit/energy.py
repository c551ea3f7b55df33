"""energy of tensor cores: what the card draws over what it computes, at equilibrium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells
from gridstone.fit.tensor_power import PROBE, at_its_clock, laws

if TYPE_CHECKING:
    import pandas as pd

NAME = "energy"
FORM = "joules per flop over the root of the operands' activity, times the flop"
PROBES = (PROBE,)


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per type and regime."""
    rows = at_its_clock(frame, "energy")
    return laws(rows, cells(rows), "J/flop", rises=True, free={"flop": (1.0, None)})
