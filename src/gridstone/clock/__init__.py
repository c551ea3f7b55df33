"""Clocks: host, CUDA events, and the SM's own cycle counter."""

from gridstone.clock.host import HostClock
from gridstone.clock.work import Clock, Work

__all__ = ["Clock", "HostClock", "Work"]
