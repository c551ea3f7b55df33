"""Rows at random places of a table that is larger than what the GPU's translation of addresses reaches.

Of rows spread evenly over a working set, the share 1 - reach / working set lies on pages whose translation is not at
hand. Each such row holds the others up for as long as a walk takes, divided by how many walks go on at once; rows that
take longer on the link than that hide it. So a gather is as slow as the slower of the two.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gridstone.model.prediction import Amount

_SHARP = 4  # how closely the slower of both rules


def slower(near: Amount, working_set: Amount, costs: Mapping[str, float]) -> NDArray[np.float64]:
    """How many times as long rows take that take `near` seconds each where all translations are at hand.

    costs: `reach` in bytes, and `miss`, the seconds that each row beyond it takes at the least.
    """
    beyond = np.maximum(0.0, 1 - costs["reach"] / np.asarray(working_set, dtype=float))
    waiting = beyond * costs["miss"] / np.asarray(near, dtype=float)
    return np.asarray((1 + waiting**_SHARP) ** (1 / _SHARP))
