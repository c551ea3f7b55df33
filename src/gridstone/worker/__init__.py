"""Runs: a session drives children that measure cells, and keeps every row."""

from gridstone.worker.crew import Crew
from gridstone.worker.job import Outcome
from gridstone.worker.session import CellDone, Compiling, Session, gpu_lock, measure_cell

__all__ = ["CellDone", "Compiling", "Crew", "Outcome", "Session", "gpu_lock", "measure_cell"]
