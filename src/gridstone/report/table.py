"""The folded table of a probe: every row of it, with raw values behind the formatted ones for sorting and CSV."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gridstone.report.select import BYTE_AXES
from gridstone.units import format_bytes, format_value

if TYPE_CHECKING:
    import pandas as pd

DASH = "–"
_MOST_PERCENT = 1000  # of a value near zero; its ends are in the columns beside


@dataclass(frozen=True, kw_only=True)
class Column:
    """A heading, whether it holds numbers, and what it means (shown on hover)."""

    name: str
    numeric: bool
    hint: str = ""


@dataclass(frozen=True, kw_only=True)
class Table:
    """rows: per row a (shown text, raw value) per column and the row's status."""

    probe: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[tuple[tuple[str, str], ...], str], ...]


_FIXED = (
    Column(name="metric", numeric=False),
    Column(name="value", numeric=True, hint="median of the samples"),
    Column(name="low", numeric=True, hint="lower end of the 95 % interval of the median"),
    Column(name="high", numeric=True, hint="upper end of the 95 % interval of the median"),
    Column(name="± %", numeric=True, hint="half the interval over the value"),
    Column(name="n", numeric=True, hint="samples"),
    Column(name="of limit", numeric=True, hint="value over the ceiling of this cell"),
    Column(name="SM MHz", numeric=True, hint="SM clock while the samples were taken"),
    Column(name="status", numeric=False),
)


def table(probe: str, rows: pd.DataFrame, axes: Sequence[str]) -> Table:
    """The rows of one probe, ordered by their axes."""
    named = [a for a in axes if a in rows]
    numeric = {a: not any(isinstance(v, str) for v in rows[a].dropna()) for a in named}
    ordered = rows.sort_values([*named, "metric"], kind="stable")
    columns = (*(Column(name=a, numeric=numeric[a]) for a in named), *_FIXED)
    return Table(probe=probe, columns=columns, rows=tuple(_row(record, named) for record in ordered.to_dict("records")))


def _row(record: dict[str, Any], axes: Sequence[str]) -> tuple[tuple[tuple[str, str], ...], str]:
    unit = record["unit"]
    value, lo, hi, limit = (_number(record[c]) for c in ("value", "lo", "hi", "limit"))
    half = None if not value or lo is None or hi is None else 50 * (hi - lo) / abs(value)
    share = None if not limit or value is None else (value / limit if record["better"] == "higher" else limit / value)
    cells = [
        *(_axis(axis, record[axis]) for axis in axes),
        (str(record["metric"]), str(record["metric"])),
        *((format_value(v, unit), _raw(v)) for v in (value, lo, hi)),
        (DASH if half is None or half >= _MOST_PERCENT else f"{half:.2f}", _raw(half)),
        (str(record["n"]), str(record["n"])),
        (DASH if share is None else f"{100 * share:.1f} %", _raw(share)),
        _clock(_number(record["sm_mhz"])),
        (str(record["status"]), str(record["status"])),
    ]
    return tuple(cells), str(record["status"])


def _axis(name: str, value: Any) -> tuple[str, str]:
    if value is None or value != value:
        return DASH, ""
    if name in BYTE_AXES and not isinstance(value, str):
        return format_bytes(int(value)), str(value)
    return str(value), str(value)


def _clock(mhz: float | None) -> tuple[str, str]:
    return (DASH, "") if mhz is None else (f"{mhz:.0f}", _raw(mhz))


def _number(value: Any) -> float | None:
    return None if value is None or not math.isfinite(value) else float(value)


def _raw(value: float | None) -> str:
    return "" if value is None else f"{value:.9g}"
