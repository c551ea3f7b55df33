"""Whether a clock that was held back has anything to do with a value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gridstone.declaration import Value
from gridstone.device import THROTTLING
from gridstone.measure.sampling import is_sustained
from gridstone.units import timed

_HELD_BACK = 0.99  # of the highest SM clock: what the GPU reports may be of a moment before the samples


def slowed(unit: str, sm_mhz: float | None, sm_mhz_max: float | None) -> bool:
    """Whether a value was lowered, given that the GPU reports that it holds its clocks back.

    Cycles of the SM's own, and work per cycle, are the same at any clock; what L2 and memory take in cycles is less at
    a lower one, and is told with the clock that it was taken at. A driver goes on reporting what it did for a while,
    so that samples at the highest clock were not slowed.
    """
    return timed(unit) and (sm_mhz is None or sm_mhz_max is None or sm_mhz < _HELD_BACK * sm_mhz_max)


def amiss(reported: Iterable[str], axes: Mapping[str, Value]) -> list[str]:
    """Of what a GPU reports to hold its clocks back by, what is not the very state that a cell is about.

    At power equilibrium a GPU is where its power cap holds it; that is what such a cell measures.
    """
    found = THROTTLING.intersection(reported)
    return sorted(found - {"sw_power_cap"} if is_sustained(axes) else found)
