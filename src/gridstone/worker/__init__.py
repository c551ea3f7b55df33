"""Runs: a session drives children that measure cells, and keeps every row."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridstone.worker.crew import Crew
    from gridstone.worker.event import CellDone, CellVisited, Compiling, Event, Resuming
    from gridstone.worker.gathering import Gathering
    from gridstone.worker.job import Failure, Outcome, Visit
    from gridstone.worker.lock import gpu_lock
    from gridstone.worker.passes import Tally
    from gridstone.worker.session import Session

# A child, which is a module of this package, needs none of what drives it: each process is the sooner there.
_MODULES = {
    "crew": ("Crew",),
    "event": ("CellDone", "CellVisited", "Compiling", "Event", "Resuming"),
    "gathering": ("Gathering",),
    "job": ("Failure", "Outcome", "Visit"),
    "lock": ("gpu_lock",),
    "passes": ("Tally",),
    "session": ("Session",),
}

__all__ = [
    "CellDone",
    "CellVisited",
    "Compiling",
    "Crew",
    "Event",
    "Failure",
    "Gathering",
    "Outcome",
    "Resuming",
    "Session",
    "Tally",
    "Visit",
    "gpu_lock",
]


def __getattr__(name: str) -> Any:
    module = next((module for module, names in _MODULES.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{module}"), name)
