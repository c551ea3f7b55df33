"""Rows chosen and arranged for a claim or a picture. Claims stand on ok rows only, pictures show every value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gridstone.figure import Series
from gridstone.units import format_bytes

if TYPE_CHECKING:
    import pandas as pd

BYTE_AXES = frozenset({"footprint", "stride", "bytes", "block", "chunk", "row_bytes", "align", "vector", "in_flight"})
_WORDS = {
    "h2d": "host to device",
    "d2h": "device to host",
    "both": "both ways at once",
    "cuda_core": "cuda-core",
}
_WORDS_OF = {("direction", "one"): "one way"}  # words that say something else on other axes
_COUNTED = {"threads": "threads", "warps": "warps", "vector": "per access", "row_bytes": "per row"}


def measured(rows: pd.DataFrame, probe: str, metric: str, **axes: object) -> pd.DataFrame:
    """The rows of a metric that have a value, where each named axis has the given value."""
    if not set(axes) <= set(rows.columns):
        return rows[:0]
    wanted = (rows["probe"] == probe) & (rows["metric"] == metric) & rows["value"].notna()
    for name, value in axes.items():
        wanted &= (rows[name] == value).fillna(False)
    return rows[wanted]


def trusted(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows whose cell is ok."""
    return rows[rows["status"] == "ok"]


def best(rows: pd.DataFrame) -> pd.Series | None:
    """The best ok row in the direction that its metric calls better; None where no row is ok."""
    good = trusted(rows)
    if good.empty:
        return None
    lower = good["better"].iloc[0] == "lower"
    return good.loc[good["value"].idxmin() if lower else good["value"].idxmax()]


def median_of(rows: pd.DataFrame) -> tuple[float, float, float, int] | None:
    """Median of the values, of their lo and of their hi, and all their samples counted; None where no row is ok."""
    good = trusted(rows)
    if good.empty:
        return None
    return (
        float(good["value"].median()),
        float(good["lo"].median()),
        float(good["hi"].median()),
        int(good["n"].sum()),
    )


def nearest(rows: pd.DataFrame, axis: str, value: float) -> pd.DataFrame:
    """The rows whose axis value is the nearest to `value` by ratio."""
    import numpy as np

    given = rows[axis].astype(float)
    distance = (np.log(given) - np.log(value)).abs()
    return rows[distance == distance.min()]


def series(rows: pd.DataFrame, *, x: str, by: Sequence[str] = (), first: Sequence[str] = ()) -> list[Series]:
    """A series per combination of the `by` axes; at each x the best value over all other axes, ok cells first.

    Words of `first` lead in that order, so that a word keeps its place, and with it its colour, from one figure to
    the next; then numbers by size, then other words by name.
    """
    wanted = [name for name in by if name in rows]
    if rows.empty or x not in rows:
        return []
    narrow = rows[list(dict.fromkeys([x, *wanted, "better", "status", "value", "lo", "hi"]))]
    groups: list[tuple[Any, pd.DataFrame]] = (
        list(narrow.groupby(wanted, sort=False, dropna=False)) if wanted else [((), narrow)]
    )
    rank = {word: place for place, word in enumerate(first)}
    groups.sort(key=lambda g: [(rank.get(v, len(rank)), isinstance(v, str), v) for v in g[0]])
    return [_one(label(dict(zip(wanted, key, strict=True))), group, x) for key, group in groups]


def label(axes: dict[str, Any]) -> str:
    """Axis values in words: `write, 16 B per access, 8 warps`; numbers of other axes stand behind the axis' name."""
    return ", ".join(in_words(name, value) for name, value in axes.items())


def in_words(name: str, value: Any) -> str:
    """One axis value as a person says it."""
    if isinstance(value, str):
        return _WORDS_OF.get((name, value)) or _WORDS.get(value, value.replace("_", " "))
    shown = format_bytes(int(value)) if name in BYTE_AXES else f"{value:g}" if isinstance(value, float) else str(value)
    if name in _COUNTED:
        return f"{shown} {_COUNTED[name] if value != 1 else _COUNTED[name].removesuffix('s')}"
    return shown if name == "bytes" else f"{name.replace('_', ' ')} {shown}"


def _one(name: str, group: pd.DataFrame, x: str) -> Series:
    known = group[group[x].notna()]
    sign = 1 if known["better"].iloc[0] == "lower" else -1
    ranked = known.assign(_flawed=known["status"] != "ok", _rank=sign * known["value"])
    points = ranked.sort_values(["_flawed", "_rank"]).drop_duplicates(x).sort_values(x)
    return Series(
        label=name,
        x=points[x].astype(float).tolist(),
        y=points["value"].tolist(),
        lo=points["lo"].fillna(points["value"]).tolist(),
        hi=points["hi"].fillna(points["value"]).tolist(),
        flawed=points["_flawed"].tolist(),
    )
