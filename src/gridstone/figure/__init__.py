"""Pictures as SVG text that follows the page's theme. All of matplotlib and seaborn stays behind these functions."""

from gridstone.figure.dots import Dot, dots
from gridstone.figure.heat import Block, heat
from gridstone.figure.lines import Level, Limit, Series, lines
from gridstone.figure.scale import Scale
from gridstone.figure.style import PALETTE, ROLES

__all__ = ["PALETTE", "ROLES", "Block", "Dot", "Level", "Limit", "Scale", "Series", "dots", "heat", "lines"]
