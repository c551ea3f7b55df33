"""How a number is taken: samples, the state of the GPU beside them, and the verdict on each."""

from gridstone.measure.continued import FINAL, continued
from gridstone.measure.finish import finishing
from gridstone.measure.sampling import Taken, is_sustained, join, take
from gridstone.measure.trail import Watch
from gridstone.measure.verdict import Code, failed, known, rows, values

__all__ = [
    "FINAL",
    "Code",
    "Taken",
    "Watch",
    "continued",
    "failed",
    "finishing",
    "is_sustained",
    "join",
    "known",
    "rows",
    "take",
    "values",
]
