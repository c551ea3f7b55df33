"""What one cell gave before it is reduced to metrics."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]


def _empty() -> Array:
    import numpy as np  # declarations are listed without numpy: `gridstone list` has half a second

    return np.empty(0)


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Raw samples of one cell, one entry per sample in each array that its clock fills.

    seconds: duration of the work of one sample. cycles: SM cycles per unit of work (a slope).
    sm_hz: SM clock while the sample ran, NaN where unknown. work: units of work in one sample.
    observed: values the probe read off its own output, by metric name.
    """

    seconds: Array = field(default_factory=_empty)
    cycles: Array = field(default_factory=_empty)
    sm_hz: Array = field(default_factory=_empty)
    work: float = 1.0
    multiprocessors: int = 1
    observed: dict[str, Array] = field(default_factory=dict)
