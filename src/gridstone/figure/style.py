"""The look of every figure: restrained, and drawn in colours that the page may exchange for another theme's."""

from __future__ import annotations

from typing import Any

# matplotlib draws in these colours; `svg.py` replaces each by the CSS variable of its role, so that one drawing
# serves the light page, the dark page and paper.
ROLES = {
    "#1c2126": "--ink",
    "#565e69": "--muted",
    "#dfe2e6": "--rule",
    "#fdfdfb": "--page",
    "#a3341f": "--flaw",
    "#1f5a96": "--s1",
    "#b8520f": "--s2",
    "#2f7547": "--s3",
    "#80469a": "--s4",
    "#8a6a10": "--s5",
    "#23747d": "--s6",
    "#a83a5b": "--s7",
    "#5d646e": "--s8",
}
INK, MUTED, RULE, PAGE, FLAW = tuple(ROLES)[:5]
PALETTE = tuple(ROLES)[5:]

WIDE = (10.2, 4.1)
HALF = (5.0, 3.5)


def theme(salt: str) -> Any:
    """The rc parameters of a figure; `salt` makes its element ids its own and the same every time."""
    import seaborn

    look: dict[str, Any] = seaborn.axes_style("whitegrid")
    return {
        **look,
        "axes.edgecolor": MUTED,
        "axes.labelcolor": MUTED,
        "axes.facecolor": "none",
        "figure.facecolor": "none",
        "grid.color": RULE,
        "grid.linewidth": 0.7,
        "text.color": INK,
        "text.parse_math": False,  # a dollar sign in a host's name is no formula
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "font.family": ["DejaVu Sans"],
        "font.size": 9,
        "axes.labelsize": 9,
        "xtick.labelsize": 8.5,
        "ytick.labelsize": 8.5,
        "legend.fontsize": 8.5,
        "lines.linewidth": 1.5,
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "svg.id": None,
    }
