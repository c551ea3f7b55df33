"""The cells that a law is fitted to: which rows count, and several runs of one cell as one point."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.measure.clocks import at_one_clock

if TYPE_CHECKING:
    import pandas as pd

    from gridstone.model.interpolate import Table
    from gridstone.model.trend import Course

USED_STATUS = "ok"


@dataclass(frozen=True, kw_only=True)
class Borrowed:
    """That the course between a law's few cells is that of other laws, with cells in between.

    like: what it has in common with those it borrows from; its error is found by laws alike, predicted in its manner.
    width: half of the interval of their cells or of its own, the wider, in log space.
    """

    like: str
    width: float


@dataclass(frozen=True, kw_only=True)
class Sought:
    """A law to be fitted.

    keys, axes, unit, free, parameters: as in `gridstone.model.Law`. cells: one row per measured cell, with a
    column per axis and `value lo hi site run_id cell_id probe`, values in `unit`. candidates: the forms that
    cross-validation chooses among (`gridstone.fit.form`). terms: the exponents of the axes in each term of the
    trend, for the candidates that have one (`gridstone.model.trend`). known: makes a trend of points (n, d + 1) from
    what other probes give, for the candidates that stand on it. curve: gives the knots (n, d + 1) of the one
    candidate from points, where the function has a law of its own. rises: physics lets no value fall where the last
    axis grows; such a law has no trend times a curve, and no term that falls there. beside: probes that fed
    `parameters` or `stand_in` alone. borrowed: of a law that cannot tell its own course. stand_in: such a law of the
    same thing, which shows what they are worth.
    """

    keys: Mapping[str, str | bool]
    axes: tuple[str, ...]
    unit: str
    cells: pd.DataFrame
    candidates: tuple[str, ...] = ("loglog", "cubic")
    terms: tuple[tuple[float, ...], ...] = ()
    known: Callable[[Table], Course] | None = None
    curve: Callable[[Table], Table] | None = None
    rises: bool = False
    free: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    beside: tuple[str, ...] = ()
    borrowed: Borrowed | None = None
    stand_in: Sought | None = None


def usable(frame: pd.DataFrame, probe: str, metric: str, **axes: Any) -> pd.DataFrame:
    """The rows of a metric that a fit may use: status ok, a positive value, and the given axis values.

    Throttled rows are left out: a model speaks of the clocks that the machine holds, and names them.
    Adds `site`: the GPU's UUID, or the host where there is no GPU.
    """
    wanted = (frame["probe"] == probe) & (frame["metric"] == metric) & (frame["status"] == USED_STATUS)
    for name, value in axes.items():
        wanted &= (frame[name] == value).fillna(False).astype(bool) if name in frame else False
    rows = frame[wanted & (frame["value"] > 0) & np.isfinite(frame["value"])]
    return rows.assign(site=rows["device_uuid"].fillna(rows["host"]))


def joined(parts: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of several probes as one table; the first where all are empty."""
    import pandas as pd

    full = [part for part in parts if len(part)]
    return pd.concat(full, ignore_index=True) if full else parts[0]


def words(rows: pd.DataFrame, axis: str) -> list[str]:
    """The values of a word axis that occur, in order of name."""
    return sorted(str(v) for v in rows[axis].dropna().unique()) if axis in rows else []


def cells(rows: pd.DataFrame, /, *, factor: Any = 1.0, inverse: bool = False, **columns: Any) -> pd.DataFrame:
    """Rows as cells of a law: `columns` are its axes; the values are times `factor`, or `factor` over them.

    factor: a number or a column of them, in the order of `rows`. Other arguments are columns like it. Rows without a
    positive number for each axis are left out, as laws go over logarithms.
    """
    value, lo, hi = (rows[c].to_numpy(float) for c in ("value", "lo", "hi"))
    lo, hi = np.where(lo > 0, lo, value), np.where(hi > 0, hi, value)
    if inverse:
        value, lo, hi = 1 / value, 1 / hi, 1 / lo
    scale = np.asarray(factor, dtype=float)
    kept = rows[["site", "run_id", "cell_id", "probe"]].reset_index(drop=True).assign(apart=_apart(rows))
    named = {name: np.asarray(column, dtype=float) for name, column in columns.items()}
    table = kept.assign(**named, value=value * scale, lo=lo * scale, hi=hi * scale)
    there = [np.isfinite(column) & (column > 0) for column in named.values()]
    return table[np.logical_and.reduce(there)].reset_index(drop=True) if there else table


def points(table: pd.DataFrame, axes: Sequence[str]) -> Table:
    """(n, d + 3): each coordinate once, sorted; the median over runs, and the hull of their intervals."""
    if not axes:
        return np.array([[table["value"].median(), table["lo"].min(), table["hi"].max()]])
    grouped = table.groupby(list(axes), sort=True).agg(value=("value", "median"), lo=("lo", "min"), hi=("hi", "max"))
    return np.asarray(grouped.reset_index(), dtype=float)


def best(table: pd.DataFrame, axes: Sequence[str]) -> pd.DataFrame:
    """Per run and coordinate the cell with the smallest value: the best configuration of those measured."""
    keys = ["run_id", *axes]
    return table.loc[table.groupby(keys)["value"].idxmin()].reset_index(drop=True)


def noise(table: pd.DataFrame, axes: Sequence[str]) -> tuple[float, str]:
    """The noise floor in log space and where it comes from.

    The median over coordinates of half the spread between runs where cells were repeated; else over cells of half the
    spread between the two passes of their run; else of half their own 95 % intervals, which hold the drift of their
    probe and are wider than what a cell is off by as a rule.
    """
    keys = list(axes) or ["probe"]
    by_run = table.groupby([*keys, "run_id"])["value"].median().groupby(level=list(range(len(keys))))
    repeated = by_run.agg(["min", "max", "size"]).query("size > 1")
    if len(repeated):
        return float(np.median(np.log(repeated["max"] / repeated["min"])) / 2), "repeated runs"
    apart = table["apart"].dropna() if "apart" in table else table["value"].iloc[:0]
    if len(apart):
        return float(apart.median()) / 2, "repeated passes"
    return float(np.median(np.log(table["hi"] / table["lo"])) / 2), "intervals of the cells"


def _apart(rows: pd.DataFrame) -> list[float]:
    """|log| of the ratio between the medians of a cell's first pass and its last; NaN where only one is known."""
    if not {"samples", "visits", "passes"} <= set(rows.columns):
        return [np.nan] * len(rows)
    found = []
    clocks = rows["visit_mhz"] if "visit_mhz" in rows else [[]] * len(rows)
    told = zip(rows["unit"], rows["samples"], rows["visits"], clocks, rows["passes"], strict=True)
    for unit, taken, visits, mhz, passes in told:
        if taken is None:  # a page keeps those alone that it shows
            found.append(np.nan)
            continue
        alike = at_one_clock(unit, np.split(np.asarray(taken, dtype=float), np.cumsum(visits)[:-1]), mhz)
        samples = np.concatenate(alike) if alike else np.empty(0)
        edges = np.cumsum([0, *visits])[np.cumsum([0, *passes])]
        parts = [samples[a:b] for a, b in itertools.pairwise(edges) if b > a]
        found.append(abs(float(np.log(np.median(parts[0]) / np.median(parts[-1])))) if len(parts) > 1 else np.nan)
    return found
