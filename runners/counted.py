"""A clock that hands on, beside its samples, what is known of the work: bytes on the wire, calls, rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gridstone.clock import Work
from gridstone.declaration import Samples


@dataclass(kw_only=True)
class Counted:
    """Samples of `clock`, with each of `amounts` under its name in `observed`, the same in every sample."""

    clock: Any
    amounts: Mapping[str, float]

    def take(self, count: int) -> Samples:
        """As many samples of the clock."""
        samples: Samples = self.clock.take(count)
        known = {name: np.full(samples.seconds.size, amount) for name, amount in self.amounts.items()}
        return replace(samples, observed={**samples.observed, **known})


def counted(work: Work, **amounts: float) -> Work:
    """The work, with these amounts beside its samples."""
    return replace(work, clock=Counted(clock=work.clock, amounts=amounts))
