"""A law: one fitted quantity over its coordinates, with its interval and the box in which it holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gridstone.model.interpolate import Form, Table, covers, largest_around, octaves_outside, rows_at
from gridstone.model.prediction import WIDEST, Amount, Extrapolate, OutOfDomain, Prediction, plain, refuses
from gridstone.model.trend import Course, followed

Box = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True, kw_only=True)
class Law:
    """What a function knows for one choice of its words (`pattern=read`, `method=pinned`, ...).

    keys: that choice. axes: the numeric arguments that are the coordinates, outermost first. knots: (n,
    d + 2) as in `interpolate`, of what is left over the `trend` where there is one. points: (m, d + 4),
    the measured cells: coordinates, value, lo, hi and how hard the law is to follow there, in log space,
    the offset of its interval included. factor: half of the conformal interval over that; level: the coverage
    that the held-out cells support. per_octave: what the interval grows by, in log space, for each octave outside
    the box. noise: the noise floor, in log space. free: further arguments with the box in which the law holds
    for them: those in which it is proportional, and `stride`, for which its passes stand; None leaves a side open.
    bridged: whether cells of other laws tell the course between cells that lie far apart.
    """

    keys: Mapping[str, str | bool]
    axes: tuple[str, ...]
    unit: str
    form: Form
    knots: Table
    points: Table
    factor: float
    level: float
    per_octave: float
    noise: float
    trend: Course | None = None
    bridged: bool = False
    free: Box = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    quality: Mapping[str, Any] = field(default_factory=dict)
    probes: tuple[str, ...] = ()

    @property
    def box(self) -> dict[str, tuple[float | None, float | None]]:
        """Smallest and largest value of each numeric argument that is answered without extrapolation."""
        columns = {name: self.points[:, i] for i, name in enumerate(self.axes)}
        sides = {name: (float(column.min()), float(column.max())) for name, column in columns.items()}
        return {**sides, **self.free}

    def at(self, extrapolate: Extrapolate = "refuse", **x: Amount) -> Prediction:
        """The law at the coordinates `x` (one per axis, numbers or arrays that broadcast), in `unit`.

        At a measured point the interval holds that measurement's own too. Raises OutOfDomain where any
        coordinate lies outside the box or in a gap of the grid, unless `extrapolate="flag"`.
        """
        given = np.broadcast_arrays(*(np.asarray(x[name], dtype=float) for name in self.axes)) if self.axes else []
        shape = given[0].shape if given else ()
        at = np.stack([part.ravel() for part in given], axis=1) if given else np.empty((1, 0))
        for name, column in zip(self.axes, at.T, strict=True):
            _refuse_nonsense(name, column)
            _refuse_parts(name, column)
        d = len(self.axes)
        inside = covers(self.points, at, math.inf) if self.bridged else covers(self.points, at)
        if refuses(extrapolate) and not inside.all():
            raise OutOfDomain(self._refusal(at[~inside][0]))
        hit = rows_at(self.points, at)
        measured, cells = hit >= 0, self.points[hit]
        value = followed(self.knots, at, self.form, self.trend)
        width = np.maximum(self.noise, self.factor * largest_around(self.points, at))
        if not inside.all():
            outside = self.per_octave * np.maximum(1.0, octaves_outside(self.points, at))
            width = np.where(inside, width, width + outside)
        width = np.minimum(np.where(measured, self.noise, width), WIDEST)
        lo, hi = value * np.exp(-width), value * np.exp(width)
        lo = np.where(measured, np.minimum(lo, cells[:, d + 1]), lo)
        hi = np.where(measured, np.maximum(hi, cells[:, d + 2]), hi)
        source = np.where(measured, "measured", np.where(inside, "interpolated", "extrapolated"))
        return Prediction(
            value=plain(value.reshape(shape)),
            lo=plain(lo.reshape(shape)),
            hi=plain(hi.reshape(shape)),
            unit=self.unit,
            in_domain=plain(inside.reshape(shape)),
            source=plain(source.reshape(shape)),
            level=plain(np.where(measured, _OWN_LEVEL, self.level).reshape(shape)),
        )

    def total(
        self,
        name: str,
        amount: Amount,
        extrapolate: Extrapolate = "refuse",
        least: Amount = 0.0,
        **x: Amount,
    ) -> Prediction:
        """The law at `x` times `amount` of the argument `name`, in which it is proportional: seconds, or joules.

        least: what `amount` must reach at these `x`, beside the box of `name`. Raises OutOfDomain as `at` does,
        for `name` too.
        """
        amounts = np.asarray(amount, dtype=float)
        widening = self.outside(name, amounts, extrapolate, least)
        return self.at(extrapolate, **x).times(amounts, unit=self.unit.partition("/")[0]).widened(widening)

    def outside(self, name: str, amount: Amount, extrapolate: Extrapolate, least: Amount = 0.0) -> Table:
        """What the interval grows by, in log space, as `amount` of the free argument `name` lies outside its box.

        least: what `amount` must reach, beside that box. Raises OutOfDomain as `at` does.
        """
        lo, hi = self.free[name]
        amounts, least = np.broadcast_arrays(np.asarray(amount, dtype=float), np.maximum(least, lo or 0.0))
        _refuse_nonsense(name, amounts)
        nearest = np.clip(amounts, least, math.inf if hi is None else hi)
        within = amounts == nearest
        if refuses(extrapolate) and not within.all():
            raise OutOfDomain(refusal(name, float(amounts[~within][0]), (float(least[~within][0]), hi)))
        octaves = np.abs(np.log2(amounts / nearest))
        return np.asarray(np.where(within, 0.0, self.per_octave * np.maximum(1.0, octaves)))

    def _refusal(self, x: Table) -> str:
        for name, value in zip(self.axes, x, strict=True):
            lo, hi = self.box[name]
            if lo is not None and hi is not None and not lo <= value <= hi:
                return refusal(name, value, (lo, hi))
        asked = ", ".join(f"{n}={v:.10g}" for n, v in zip(self.axes, x, strict=True))
        return f"{asked} lies in a gap between the measured cells; {_ADVICE}"


def _refuse_nonsense(name: str, values: Table) -> None:
    wrong = ~(np.isfinite(values) & (values > 0))
    if wrong.any():
        raise OutOfDomain(f"{name}={float(values[wrong].ravel()[0]):g} is not a positive number")


def _refuse_parts(name: str, values: Table) -> None:
    parts = values != np.round(values)
    if name in _COUNTS and parts.any():
        raise OutOfDomain(f"{name}={float(values[parts].ravel()[0]):g}: there are only whole ones")


# Arguments that count things.
_COUNTS = frozenset(("blocks", "cluster_size", "count", "dims", "ilp", "ranks", "stages", "threads", "unroll", "warps"))
# What the interval of a measured cell covers.
_OWN_LEVEL = 0.95
_ADVICE = 'measure there, or accept a widened interval with extrapolate="flag"'


def refusal(name: str, value: float, box: tuple[float | None, float | None]) -> str:
    """Why an argument outside its box is not answered, and what to do."""
    lo, hi = box
    if lo is None or hi is None:
        span = f"at least {lo:.10g}" if hi is None else f"at most {hi:.10g}"
    else:
        span = f"{lo:.10g} to {hi:.10g}"
    return f"{name}={value:.10g} is outside what was measured ({span}); {_ADVICE}"
