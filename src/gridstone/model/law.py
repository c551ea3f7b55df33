"""A law: one fitted quantity over its coordinates, with its interval and the box in which it holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gridstone.model.interpolate import Form, Table, around, covers, evaluate, octaves_outside
from gridstone.model.prediction import Extrapolate, OutOfDomain, Prediction

Box = Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True, kw_only=True)
class Law:
    """What a function knows for one choice of its words (`pattern=read`, `method=pinned`, ...).

    keys: that choice. axes: the numeric arguments that are the coordinates, outermost first. knots: (n,
    d + 2) as in `interpolate`. points: (m, d + 4), the measured cells: coordinates, value, lo, hi and
    how hard the law is to follow there, in log space. factor: half of the conformal interval over that
    difficulty; level: the coverage that the held-out cells support. per_octave: what the interval grows by,
    in log space, for each octave outside the box. noise: the noise floor, in log space. free: further
    arguments in which the law is proportional, with the box in which it is so; None leaves a side open.
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

    def at(self, extrapolate: Extrapolate = "refuse", **x: float) -> Prediction:
        """The law at the coordinates `x` (one per axis), in `unit`.

        A measured point answers with what was measured. Raises OutOfDomain outside the box or in a gap of the
        grid, unless `extrapolate="flag"`.
        """
        coordinates = [float(x[name]) for name in self.axes]
        self._refuse_nonsense(dict(zip(self.axes, coordinates, strict=True)))
        measured = self._measured(coordinates)
        if measured is not None:
            return measured
        inside = covers(self.points, coordinates)
        if not inside and extrapolate == "refuse":
            raise OutOfDomain(self._refusal(coordinates))
        value = evaluate(self.knots, coordinates, self.form)
        width = max(self.noise, self.factor * float(around(self.points, coordinates)[:, -1].max()))
        if not inside:
            width += self.per_octave * max(1.0, octaves_outside(self.points, coordinates))
        return Prediction(
            value=value,
            lo=value * math.exp(-width),
            hi=value * math.exp(width),
            unit=self.unit,
            in_domain=inside,
            source="interpolated" if inside else "extrapolated",
            level=self.level,
        )

    def total(self, name: str, amount: float, extrapolate: Extrapolate = "refuse", **x: float) -> Prediction:
        """The law at `x` times `amount` of the argument `name`, in which it is proportional; seconds.

        Raises OutOfDomain as `at` does, for `name` too.
        """
        self._refuse_nonsense({name: amount})
        lo, hi = self.free[name]
        within = (lo is None or amount >= lo) and (hi is None or amount <= hi)
        if not within and extrapolate == "refuse":
            raise OutOfDomain(_outside(name, amount, (lo, hi)))
        answer = self.at(extrapolate, **x).times(amount, unit="s")
        return answer if within else answer.outside()

    def _measured(self, x: list[float]) -> Prediction | None:
        d = len(x)
        hit = np.flatnonzero((self.points[:, :d] == x).all(axis=1))
        if hit.size == 0:
            return None
        value, lo, hi = (float(v) for v in self.points[hit[0], d : d + 3])
        return Prediction(
            value=value,
            lo=min(lo, value * math.exp(-self.noise)),
            hi=max(hi, value * math.exp(self.noise)),
            unit=self.unit,
            in_domain=True,
            source="measured",
            level=0.95,
        )

    def _refusal(self, x: list[float]) -> str:
        for name, value in zip(self.axes, x, strict=True):
            lo, hi = self.box[name]
            if lo is not None and hi is not None and not lo <= value <= hi:
                return _outside(name, value, (lo, hi))
        asked = ", ".join(f"{n}={v:g}" for n, v in zip(self.axes, x, strict=True))
        return f"{asked} lies in a gap between the measured cells; {_ADVICE}"

    def _refuse_nonsense(self, x: Mapping[str, float]) -> None:
        for name, value in x.items():
            if not (math.isfinite(value) and value > 0):
                raise OutOfDomain(f"{name}={value:g} is not a positive number")


_ADVICE = 'measure there, or accept a widened interval with extrapolate="flag"'


def _outside(name: str, value: float, box: tuple[float | None, float | None]) -> str:
    lo, hi = box
    if lo is None or hi is None:
        span = f"at least {lo:.10g}" if hi is None else f"at most {hi:.10g}"
    else:
        span = f"{lo:.10g} to {hi:.10g}"
    return f"{name}={value:.10g} is outside what was measured ({span}); {_ADVICE}"
