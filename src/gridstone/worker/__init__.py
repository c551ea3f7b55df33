"""Runs: a session drives children that measure cells, and keeps every row."""

from gridstone.worker.crew import Crew
from gridstone.worker.gathering import Gathering
from gridstone.worker.job import Failure, Outcome, Visit
from gridstone.worker.lock import gpu_lock
from gridstone.worker.session import CellDone, CellVisited, Compiling, Event, Session

__all__ = [
    "CellDone",
    "CellVisited",
    "Compiling",
    "Crew",
    "Event",
    "Failure",
    "Gathering",
    "Outcome",
    "Session",
    "Visit",
    "gpu_lock",
]
