"""Decisions from a model of the hardware: numpy and the standard library, no GPU and no runs.

A function that is exported here, takes a `model` first and answers with an `Advice` is a decision: `gridstone advise`
offers it.
"""

from gridstone.advise.advice import Advice, Option, weighed
from gridstone.advise.corun import corun
from gridstone.advise.gather import gather
from gridstone.advise.scatter import scatter
from gridstone.advise.send import send

__all__ = ["Advice", "Option", "corun", "gather", "scatter", "send", "weighed"]
