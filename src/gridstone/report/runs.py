"""Which rows a page shows: those of one run, or of all runs of the newest run's machine in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridstone.store import Run, StoreError, load, runs_in

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Selection:
    """rows: one per probe, values of its axes and metric, the newest, with samples of `lateness` alone.

    axes: by probe, as declared. infos: run.json of the runs shown, the newest first. left_out: ids of runs of other
    machines. cards: UUIDs of the GPUs that the rows are of.
    """

    rows: pd.DataFrame
    axes: dict[str, list[str]]
    infos: tuple[dict[str, Any], ...]
    left_out: tuple[str, ...] = ()
    cards: tuple[str, ...] = ()


def select(path: Path, *, all_cards: bool = False) -> Selection:
    """Rows and run.json of a run or of a folder of runs. Raises StoreError where nothing can be read.

    In a folder of runs, a page is about one machine (a GPU's UUID, or else a host): the one of the newest run. Runs
    of other machines are named, not mixed in. all_cards: GPUs of that model are one machine.
    """
    rows = load(path)
    # No GPU gives infinity: such a number is of a file that something else has written, and nothing can be drawn of it.
    numbers = ["value", "lo", "hi", "limit"]
    rows[numbers] = rows[numbers].replace([float("inf"), float("-inf")], float("nan"))
    rows["samples"] = rows["samples"].where(rows["metric"] == "lateness", None)
    axes: dict[str, list[str]] = rows.attrs.pop("axes", {})  # pandas would copy attributes with every selection
    by_run = rows.groupby("run_id")
    latest = by_run["t_utc"].max().sort_values(ascending=False, kind="stable")
    card = by_run["device_uuid"].first()
    model = rows.dropna(subset="device_uuid").groupby("run_id")["device"].first().reindex(card.index)
    owner = (model if all_cards else card).fillna(by_run["host"].first())
    kept = [run for run in latest.index if owner[run] == owner[latest.index[0]]]
    order = rows["run_id"].map({run: rank for rank, run in enumerate(kept)})
    shown = rows.assign(_order=order).dropna(subset="_order").sort_values("_order", kind="stable")
    # By the values of its axes, as a kernel that was changed since has given the cell another id.
    same = ["probe", "metric", *sorted({axis for names in axes.values() for axis in names} & set(shown))]
    shown = shown.drop(columns="_order").drop_duplicates(same if axes else ["cell_id", "metric"], ignore_index=True)
    return Selection(
        rows=shown,
        axes=axes,
        infos=tuple(_infos(path, kept)),
        left_out=tuple(str(run) for run in latest.index if run not in kept),
        cards=tuple(card[kept].dropna().unique()),
    )


def _infos(path: Path, kept: list[str]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for folder in runs_in(path) if path.is_dir() else []:
        try:
            info = Run(folder).info()
        except StoreError as error:
            info = {"run.json": str(error)}
        found[str(info.get("run_id", folder.name))] = info
    if len(found) == 1:
        return list(found.values())
    return [found[run] for run in kept if run in found]
