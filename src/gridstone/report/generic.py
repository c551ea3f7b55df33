"""The picture of a probe that no section file draws: its place in the report follows from its declaration alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gridstone.figure import Dot, Limit, Scale, dots, lines
from gridstone.report.section import Panel, Section
from gridstone.report.select import BYTE_AXES, best, label, measured, series
from gridstone.report.words import amount
from gridstone.units import format_value

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 20
_KEYS = 6


def generic(rows: pd.DataFrame, axes: dict[str, list[str]]) -> Section:
    """A claim and a panel per probe and metric; `rows` have values."""
    panels, claims = [], []
    for probe in rows["probe"].unique():
        for metric in rows.loc[rows["probe"] == probe, "metric"].unique():
            chosen = measured(rows, str(probe), str(metric))
            panels.append(panel(chosen, axes.get(str(probe), [])))
            claims += _claim(chosen, axes.get(str(probe), []))
    return Section(heading="; ".join(claims[:2]) or "No cell of these probes is ok", panels=tuple(panels))


def panel(rows: pd.DataFrame, axes: Sequence[str]) -> Panel:
    """Lines over the numeric axis with most values, else a dot per cell; one metric of one probe."""
    probe, metric, unit = (str(rows[c].iloc[0]) for c in ("probe", "metric", "unit"))
    varied = [a for a in axes if a in rows and rows[a].nunique() > 1]
    numeric = [a for a in varied if not any(isinstance(v, str) for v in rows[a].dropna())]
    x = max(numeric, key=lambda a: rows[a].nunique(), default=None)
    name = metric.replace("_", " ")
    alt = f"{probe}: {name}"
    if x is None or rows[x].nunique() < 3:
        return Panel(svg=dots(_dots(rows, varied), x=Scale(label=name, unit=unit), alt=alt), caption=f"{alt} per cell.")
    by = [a for a in varied if a != x and rows[a].nunique() <= _KEYS][:1]
    rest = [a for a in varied if a not in (x, *by)]
    spread = rows[x].max() / max(rows[x].min(), 1e-30) > 16
    high = rows["value"].max() / max(rows["value"].min(), 1e-30) > 30
    svg = lines(
        series(rows, x=x, by=by),
        x=Scale(label=x.replace("_", " "), unit="B" if x in BYTE_AXES else "", log=bool(spread)),
        y=Scale(
            label=f"{name}, {unit}", unit=unit, log=bool(high), start=None if high or rows["value"].min() < 0 else 0
        ),
        limits=_limits(rows),
        alt=f"{alt} over {x}",
    )
    best_of = f", the best over {', '.join(rest)}" if rest else ""
    return Panel(svg=svg, caption=f"{alt} over {x.replace('_', ' ')}{best_of}.")


def _dots(rows: pd.DataFrame, axes: Sequence[str]) -> list[Dot]:
    ordered = rows.sort_values("value", ascending=rows["better"].iloc[0] == "lower").head(_SHOWN)
    return [
        Dot(
            label=label({a: row[a] for a in axes if row[a] is not None and row[a] == row[a]}) or str(row["probe"]),
            value=row["value"],
            lo=row["lo"],
            hi=row["hi"],
            flawed=row["status"] != "ok",
        )
        for row in ordered.to_dict("records")
    ]


def _limits(rows: pd.DataFrame) -> list[Limit]:
    known = rows["limit"].dropna().unique()
    if len(known) != 1:
        return []
    return [Limit(label=f"limit {format_value(float(known[0]), str(rows['unit'].iloc[0]))}", y=float(known[0]))]


def _claim(rows: pd.DataFrame, axes: Sequence[str]) -> list[str]:
    row = best(rows)
    if row is None:
        return []
    where = label({a: row[a] for a in axes if a in rows and rows[a].nunique() > 1 and row[a] == row[a]})
    word = "least" if row["better"] == "lower" else "most"
    name = f"{str(row['probe']).split('/')[-1].replace('_', ' ')} {str(row['metric']).replace('_', ' ')}"
    return [f"{name} is at {word} {amount(row['value'], row['unit'])}" + (f" ({where})" if where else "")]
