"""A trend: the course that physics gives a quantity, as a sum of terms of which the largest rules."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from gridstone.model.interpolate import Form, Table, evaluate
from gridstone.model.messages import steps
from gridstone.model.sectors import packing


class Course(Protocol):
    """What physics says of a quantity over its coordinates, and what it needs to say so again."""

    def at(self, x: Table) -> Table:
        """(k,): the value at coordinates `x` (k, d), all positive."""

    def record(self) -> dict[str, Any]:
        """As model.json keeps it."""


@dataclass(frozen=True, kw_only=True)
class Trend:
    """value = (sum over terms of (coefficient x product of coordinates ** exponents) ** sharpness) ** (1 / sharpness).

    exponents: one row per term, one column per coordinate. coefficients: positive, one per term. sharpness: 1 where the
    terms are spent one after the other, large where they overlap and the slowest alone counts.
    """

    exponents: Table
    coefficients: Table
    sharpness: float

    def at(self, x: Table) -> Table:
        """(k,): the value at coordinates `x` (k, d), all positive; in logarithms, so that no power overflows."""
        logs = self.sharpness * (np.log(self.coefficients) + np.log(x) @ self.exponents.T)
        return np.asarray(np.exp(np.logaddexp.reduce(logs, axis=1) / self.sharpness))

    def record(self) -> dict[str, Any]:
        """As model.json keeps it."""
        return {
            "exponents": self.exponents.tolist(),
            "coefficients": self.coefficients.tolist(),
            "sharpness": self.sharpness,
        }


def followed(knots: Table, x: Table, form: Form, trend: Course | None) -> Table:
    """(k,): a curve through knots at `x` (k, d), times the trend where there is one.

    Beyond the knots the trend goes on alone: what it leaves over is taken to stay as it is at the rim.
    """
    if trend is None:
        return evaluate(knots, x, form)
    known = knots[:, :-2]
    return evaluate(knots, np.clip(x, known.min(axis=0), known.max(axis=0)), form) * trend.at(x)


def recorded(record: dict[str, Any] | None, coordinates: int) -> Course | None:
    """What `record` wrote. Raises TypeError for another number of coordinates, or terms without a coefficient."""
    if record is None:
        return None
    if "memory" in record:
        return packing(record)
    if "messages" in record:
        return steps(record)
    exponents = np.asarray(record["exponents"], dtype=float)
    coefficients = np.asarray(record["coefficients"], dtype=float)
    if exponents.shape != (coefficients.size, coordinates) or not (coefficients > 0).all():
        raise TypeError(f"a trend of {exponents.shape} exponents and {coefficients.size} coefficients")
    return Trend(exponents=exponents, coefficients=coefficients, sharpness=float(record["sharpness"]))
