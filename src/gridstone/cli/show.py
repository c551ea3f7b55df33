"""`gridstone show`: the results of a run as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gridstone.cli.options import Json, RunFolder
from gridstone.cli.output import console, print_json, print_table, table, with_interval
from gridstone.cli.words import axis_text, share_of_limit
from gridstone.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_LISTS = ("samples", "visits", "visit_mhz", "processes", "passes")


def show(
    folder: RunFolder,
    glob: Annotated[
        str | None, typer.Argument(metavar="GLOB", help="Probes by name, glob or family.", show_default=False)
    ] = None,
    metric: Annotated[str | None, typer.Option(metavar="NAME", help="This metric only, such as bandwidth.")] = None,
    sort: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Order by a column or an axis; by the axes without it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the results of a run, or of a folder of runs.

    For each cell: value with half its 95 % interval, share of the limit, SM clock and status.
    """
    from gridstone.store import load

    rows = load(folder)
    axes: dict[str, list[str]] = rows.attrs["axes"]
    rows = _ordered(_chosen(rows, glob, metric), sort, axes)
    if as_json:
        print_json([_record(row, axes) for row in rows.to_dict("records")])
        return
    screen = console()
    for probe, group in rows.groupby("probe", sort=True):
        print_table(screen, _table(str(probe), group, axes.get(str(probe), [])))
        for reason, count in group.loc[group["reason"].notna(), "reason"].value_counts().items():
            screen.print(f"  {count} x {reason}")


def _chosen(rows: pd.DataFrame, glob: str | None, metric: str | None) -> pd.DataFrame:
    from fnmatch import fnmatchcase

    from gridstone.plan import suggestion

    if glob is not None:
        names = sorted(rows["probe"].unique())
        wanted = [n for n in names if fnmatchcase(n, glob) or n.split("/")[0] == glob]
        if not wanted:
            near = suggestion(glob, [*names, *(n.split("/")[0] for n in names)]) or f" (it has {', '.join(names)})"
            raise UsageError(f"no probe of this run is called {glob}{near}")
        rows = rows[rows["probe"].isin(wanted)]
    if metric is not None:
        known = sorted(rows["metric"].unique())
        if metric not in known:
            near = suggestion(metric, known) or f" (there are {', '.join(known)})"
            raise UsageError(f"no metric is called {metric}{near}")
        rows = rows[rows["metric"] == metric]
    return rows


def _ordered(rows: pd.DataFrame, sort: str | None, axes: dict[str, list[str]]) -> pd.DataFrame:
    from gridstone.plan import suggestion

    known = [c for c in rows.columns if c not in _LISTS]
    if sort is not None and sort not in known:
        raise UsageError(f"--sort {sort}: there is no such column{suggestion(sort, known)}")
    every = list(dict.fromkeys(name for names in axes.values() for name in names if name in rows))
    keys = ["probe", *([sort] if sort else []), *(name for name in every if name != sort), "metric", "run_id"]
    return rows.sort_values(list(dict.fromkeys(keys)), kind="stable", ignore_index=True)


def _table(probe: str, group: pd.DataFrame, axes: list[str]) -> Table:
    several = group["run_id"].nunique() > 1
    columns = (*(("run",) if several else ()), *axes, "metric", "value", "of limit", "SM MHz", "status")
    shown = table(columns, right=(*axes, "value", "of limit", "SM MHz"), title=probe)
    for row in group.to_dict("records"):
        clock = "" if row["sm_mhz"] != row["sm_mhz"] else f"{row['sm_mhz']:.0f}"
        shown.add_row(
            *((row["run_id"],) if several else ()),
            *(axis_text(name, row[name]) for name in axes),
            row["metric"],
            with_interval(row["value"], row["lo"], row["hi"], row["unit"]),
            share_of_limit(row),
            clock,
            row["status"],
        )
    return shown


def _record(row: dict[Any, Any], axes: dict[str, list[str]]) -> dict[str, Any]:
    """A row without its raw samples, their visits and the axes of other probes."""
    mine = axes.get(row["probe"], [])
    foreign = {name for names in axes.values() for name in names} - set(mine)
    return {k: _null(v) for k, v in row.items() if k not in (*_LISTS, *foreign)}


def _null(value: Any) -> Any:
    """Python's own number, or None for what pandas calls missing."""
    import pandas as pd

    if pd.isna(value):
        return None
    return value.item() if hasattr(value, "item") else value
