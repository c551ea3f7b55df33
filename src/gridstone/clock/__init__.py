"""Clocks: host, CUDA events, and the SM's own cycle counter."""

from gridstone.clock.block import BlockClock
from gridstone.clock.cycle import CycleClock
from gridstone.clock.event import EventClock
from gridstone.clock.host import HostClock
from gridstone.clock.observed import ObservedClock
from gridstone.clock.ring import Order, Walk
from gridstone.clock.stamp import STAMP, median_hz, sm_hz
from gridstone.clock.work import Clock, Work

__all__ = [
    "STAMP",
    "BlockClock",
    "Clock",
    "CycleClock",
    "EventClock",
    "HostClock",
    "ObservedClock",
    "Order",
    "Walk",
    "Work",
    "median_hz",
    "sm_hz",
]
