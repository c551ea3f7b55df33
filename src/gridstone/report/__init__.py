"""One self-contained HTML page from a run: verdict, identity, limits, a section per family, provenance."""

from gridstone.report.plateau import Plateau, plateaus
from gridstone.report.render import render
from gridstone.report.section import Fact, Panel, Section, fact
from gridstone.report.select import best, label, measured, median_of, nearest, series, trusted
from gridstone.report.words import amount, listing, percent

__all__ = [
    "Fact",
    "Panel",
    "Plateau",
    "Section",
    "amount",
    "best",
    "fact",
    "label",
    "listing",
    "measured",
    "median_of",
    "nearest",
    "percent",
    "plateaus",
    "render",
    "series",
    "trusted",
]
