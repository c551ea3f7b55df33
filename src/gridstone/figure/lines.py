"""Values over one quantity, a line per series, with the interval of each point as a band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gridstone.figure.direct import name_ends, width_of
from gridstone.figure.scale import Scale, apply
from gridstone.figure.style import FLAW, HALF, INK, MUTED, PAGE, PALETTE, WIDE
from gridstone.figure.svg import draw

_LEFT = 60.0  # points left of the axes: ticks and the label


@dataclass(frozen=True, kw_only=True)
class Series:
    """Points in the order of x with their intervals; `flawed` marks those whose cell is not ok.

    law: points (x, y) of a fitted curve that is drawn through them, in the same colour.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    lo: Sequence[float]
    hi: Sequence[float]
    flawed: Sequence[bool]
    law: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, kw_only=True)
class Level:
    """A plateau to be named: from x to x at height y."""

    label: str
    start: float
    end: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A ceiling, drawn as a dashed line over the whole width."""

    label: str
    y: float


def lines(
    series: Sequence[Series],
    *,
    x: Scale,
    y: Scale,
    alt: str,
    levels: Sequence[Level] = (),
    limits: Sequence[Limit] = (),
    joined: bool = True,
    wide: bool = False,
) -> str:
    """The figure as SVG. Points of cells that are not ok are hollow. Raises ValueError where there is no point."""
    if not any(s.x for s in series):
        raise ValueError("a figure needs at least one point")

    def paint(axes: Any) -> None:
        import seaborn

        _band(axes, series, joined)
        _points(axes, series, joined)
        _laws(axes, series)
        ys = [v for s in series for v in (*s.y, *s.lo, *s.hi, *(y for _, y in s.law))] + [one.y for one in limits]
        beside = width_of([s.label for s in series]) if len(series) > 1 else 0.0
        room = 72 * axes.figure.get_figwidth() - _LEFT - beside
        apply(axes.xaxis, x, [v for s in series for v in s.x], room=room)
        apply(axes.yaxis, y, ys)
        if levels:
            axes.margins(y=0.12)
        for level in levels:
            _level(axes, level)
        for limit in limits:
            _limit(axes, limit)
        axes.grid(visible=False, axis="x")
        seaborn.despine(ax=axes, left=True)
        if len(series) > 1:
            _names(axes, series)

    return draw(paint, size=WIDE if wide else HALF, alt=alt)


def _colour(index: int) -> str:
    return PALETTE[index % len(PALETTE)]


def _band(axes: Any, series: Sequence[Series], joined: bool) -> None:
    for index, one in enumerate(series):
        if joined:
            axes.fill_between(one.x, one.lo, one.hi, color=_colour(index), alpha=0.22, linewidth=0)
        else:
            axes.vlines(one.x, one.lo, one.hi, color=_colour(index), alpha=0.45, linewidth=1)


def _points(axes: Any, series: Sequence[Series], joined: bool) -> None:
    """All series in one call, without ticks meanwhile: seaborn's cost is per call and per tick, not per point."""
    import seaborn
    from matplotlib.ticker import NullLocator

    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(NullLocator())

    which = [index for index, one in enumerate(series) for _ in one.x]
    xs, ys = [v for one in series for v in one.x], [v for one in series for v in one.y]
    palette = {index: _colour(index) for index in range(len(series))}
    common: dict[str, Any] = {"x": xs, "y": ys, "hue": which, "palette": palette, "legend": False, "ax": axes}
    if joined:
        size = 2.6 if max(len(one.x) for one in series) > 40 else 4
        dots = {"marker": "o", "markersize": size, "markeredgewidth": 0}
        seaborn.lineplot(**common, estimator=None, errorbar=None, **dots)
    else:
        seaborn.scatterplot(**common, s=13, linewidth=0)
    flawed = [(a, b) for one in series for a, b, bad in zip(one.x, one.y, one.flawed, strict=True) if bad]
    if flawed:
        axes.scatter(*zip(*flawed, strict=True), s=26, facecolors=PAGE, edgecolors=FLAW, linewidths=1.3, zorder=4)


def _laws(axes: Any, series: Sequence[Series]) -> None:
    for index, one in enumerate(series):
        if one.law:
            axes.plot(*zip(*one.law, strict=True), color=_colour(index), linewidth=1, alpha=0.8, zorder=1.5)


def _level(axes: Any, level: Level) -> None:
    """A bar under the plateau and its name below: a ladder climbs, so that below its steps nothing is drawn."""
    axes.hlines(level.y, level.start, level.end, color=INK, linewidth=6, alpha=0.14, zorder=1)
    axes.annotate(
        level.label,
        (level.start, level.y),
        textcoords="offset points",
        xytext=(1, -15),
        color=INK,
        fontsize=9,
    )


def _limit(axes: Any, limit: Limit) -> None:
    axes.axhline(limit.y, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.annotate(
        limit.label,
        (0, limit.y),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        xytext=(0, 4),
        color=MUTED,
        fontsize=8,
        bbox={"facecolor": PAGE, "edgecolor": "none", "pad": 0.8},
    )


def _names(axes: Any, series: Sequence[Series]) -> None:
    drawn = [(index, one) for index, one in enumerate(series) if one.x]
    names = [one.label for _, one in drawn]
    ends = [(one.x[-1], one.y[-1]) for _, one in drawn]
    name_ends(axes, names, ends, [_colour(index) for index, _ in drawn])
