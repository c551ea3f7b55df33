"""What a probe's body returns: work that some clock can time, and how its result is checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from gridstone.declaration import Samples


class Clock(Protocol):
    """Times one kind of work. `take(n)` returns Samples with n entries per array; it may be called again."""

    def take(self, count: int) -> Samples:
        """Run the work and return `count` samples of it."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """Work that is ready to be timed.

    poison: overwrites every output with a wrong value; called before the run that `verify` looks at.
    verify: whether the last run's outputs are right, None where nothing can be checked.
    close: gives resources back once the cell is done.
    """

    clock: Clock
    poison: Callable[[], None] | None = None
    verify: Callable[[], bool | None] | None = None
    close: Callable[[], None] | None = None
