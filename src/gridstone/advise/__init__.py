"""Decisions from a model of the hardware: numpy and the standard library, no GPU and no runs."""

from gridstone.advise.advice import Advice, Option, weighed
from gridstone.advise.gather import gather

__all__ = ["Advice", "Option", "gather", "weighed"]
