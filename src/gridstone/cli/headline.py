"""The short answer of a run: the best value of each probe, and what did not come out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridstone.cli.output import table, with_interval
from gridstone.cli.words import axes_text, gathered, share_of_limit

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def headlines(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One record per probe: its first metric where that is best among the ok cells, and how many are ok.

    rows: as `gridstone.load` gives them. `value` and the fields after it are None where no cell is ok.
    """
    return [_headline(str(name), group, rows.attrs["axes"]) for name, group in rows.groupby("probe", sort=True)]


def headline_table(records: list[dict[str, Any]]) -> Table:
    """The headlines as a person reads them; what of a probe did not come out is told by `trouble_lines`."""
    shown = table(("probe", "metric", "best", "of limit", "at", "ok"), right=("best", "of limit", "ok"))
    for r in (r for r in records if r["ok"]):
        best = with_interval(r["value"], r["lo"], r["hi"], r["unit"])
        at = axes_text(r["axes"]) if r["axes"] else ""
        shown.add_row(r["probe"], r["metric"], best, share_of_limit(r), at, f"{r['ok']} of {r['cells']}")
    return shown


def troubles(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """One record per probe, status other than ok, and reason: how many cells ended so."""
    from gridstone.store import unsaid

    bad = rows[(rows["status"] != "ok") & ~unsaid(rows)].drop_duplicates(["run_id", "cell_id"])
    keys = ["probe", "status", "reason"]
    counted = bad.groupby(keys, sort=True, dropna=False).size()
    return [
        {"probe": probe, "status": status, "reason": reason if isinstance(reason, str) else None, "cells": int(n)}
        for (probe, status, reason), n in counted.items()
    ]


def trouble_lines(records: list[dict[str, Any]]) -> list[str]:
    """The troubles as a person reads them, cells of all probes that a machine lacks the same for in one line."""
    lines = []
    for status in dict.fromkeys(r["status"] for r in records):
        these = [(r["probe"], r["reason"], r["cells"]) for r in records if r["status"] == status]
        apart = [gathered(these)] if status == "skipped" else [gathered([one]) for one in these]
        lines += [f"{status} {line}" for group in apart for line in group]
    return lines


def _headline(name: str, group: pd.DataFrame, axes: dict[str, list[str]]) -> dict[str, Any]:
    metric = group["metric"].iloc[0]
    mine = group[group["metric"] == metric]
    good = mine[(mine["status"] == "ok") & mine["value"].notna()]
    first = mine.iloc[0]
    record: dict[str, Any] = {
        "probe": name,
        "metric": metric,
        "unit": first["unit"],
        "cells": len(mine),
        "ok": len(good),
        **dict.fromkeys(("value", "lo", "hi", "limit", "limit_kind", "axes")),
    }
    if good.empty:
        return record
    best = good.loc[good["value"].idxmin() if first["better"] == "lower" else good["value"].idxmax()]
    values = {key: None if best[key] != best[key] else best[key] for key in ("value", "lo", "hi", "limit")}
    return record | values | {"limit_kind": best["limit_kind"], "axes": {a: best[a] for a in axes.get(name, [])}}
