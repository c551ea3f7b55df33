"""What depends on an ordered pair of things: its additive model, how well that is known, and what changes it."""

from gridstone.pairs.additive import Additive, additive, groups, held_out, quality
from gridstone.pairs.change import Change, Table, compared, half_widths
from gridstone.pairs.effects import level_effects

__all__ = [
    "Additive",
    "Change",
    "Table",
    "additive",
    "compared",
    "groups",
    "half_widths",
    "held_out",
    "level_effects",
    "quality",
]
