"""Measured over limit: the cell of each probe that comes nearest to its ceiling, split by what it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gridstone.report.select import label, trusted
from gridstone.units import format_value

if TYPE_CHECKING:
    import pandas as pd

_FEW = 6


@dataclass(frozen=True, kw_only=True)
class Bar:
    """`share` (with its interval) of `limit`; `where` names the cell by its remaining axes."""

    probe: str
    name: str
    where: str
    share: float
    lo: float
    hi: float
    n: int
    value: str
    limit: str
    limit_kind: str
    sm_mhz: float | None


def bars(rows: pd.DataFrame, axes: Mapping[str, Sequence[str]]) -> list[Bar]:
    """A bar per probe and value of its first worded axis, for the first metric that has a limit; best first."""
    limited = trusted(rows[rows["limit"].notna() & rows["value"].notna()])
    found: list[Bar] = []
    for probe, metrics in limited.groupby("probe", sort=True):
        group = metrics[metrics["metric"] == metrics["metric"].iloc[0]]
        split = _split(group, axes.get(str(probe), ()))
        parts = [part for _, part in group.groupby(split, sort=False)] if split else [group]
        found += [_bar(part, split, axes.get(str(probe), ())) for part in parts]
    return sorted(found, key=lambda bar: -bar.share)


def _split(group: pd.DataFrame, names: Sequence[str]) -> str | None:
    for name in names:
        kinds = group[name].dropna()
        if len(kinds) and isinstance(kinds.iloc[0], str) and 2 <= kinds.nunique() <= _FEW:
            return name
    return None


def _bar(part: pd.DataFrame, split: str | None, names: Sequence[str]) -> Bar:
    lower = part["better"].iloc[0] == "lower"
    row = part.loc[(part["limit"] / part["value"] if lower else part["value"] / part["limit"]).idxmax()]
    here = {split: row[split]} if split else {}
    rest = {n: row[n] for n in names if n != split and row[n] == row[n] and row[n] is not None}
    shares = [row["limit"] / row[c] if lower else row[c] / row["limit"] for c in ("value", "lo", "hi")]
    return Bar(
        probe=str(row["probe"]),
        name=label(here),
        where=label(rest),
        share=shares[0],
        lo=min(shares),
        hi=max(shares),
        n=int(row["n"]),
        value=format_value(row["value"], row["unit"]),
        limit=format_value(row["limit"], row["unit"]),
        limit_kind=str(row["limit_kind"] or ""),
        sm_mhz=None if row["sm_mhz"] != row["sm_mhz"] else row["sm_mhz"],
    )
