"""The GPU that is measured: found, described, watched."""

from gridstone.device.discover import discover, surroundings
from gridstone.device.identity import identity, other_processes
from gridstone.device.nvml import DriverError
from gridstone.device.telemetry import THROTTLING, Reading, Telemetry

__all__ = [
    "THROTTLING",
    "DriverError",
    "Reading",
    "Telemetry",
    "discover",
    "identity",
    "other_processes",
    "surroundings",
]
