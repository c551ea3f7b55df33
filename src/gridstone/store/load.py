"""Runs as one DataFrame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from gridstone.store.files import below
from gridstone.store.run import Run, read
from gridstone.store.schema import COLUMNS, StoreError, axes_of

if TYPE_CHECKING:
    import pandas as pd


def load(path: str | Path) -> pd.DataFrame:
    """One row per cell and metric of a run, of a folder of runs, or of one Parquet file.

    Columns are those of docs/results-format.md, then every axis that occurs (null in the rows of probes that
    lack it; integer axes keep their type as nullable Int64). `df.attrs["axes"]` lists them by probe. Raises
    StoreError where there is nothing to read or a file is broken.
    """
    import pandas as pd

    frames, axes = [], {}
    for file in results_files(Path(path)):
        arrow = read(file)
        frame = arrow.to_pandas(types_mapper=_nullable().get)
        frame["samples"] = frame["samples"].map(lambda s: [] if s is None else [float(v) for v in s])
        for probe in frame["probe"].unique():
            axes[str(probe)] = axes_of(arrow.schema)
        frames.append(frame)
    if not any(map(len, frames)):
        raise StoreError(f"{path}: no results there yet")
    merged = pd.concat(frames, ignore_index=True)
    merged = merged.drop_duplicates(["run_id", "cell_id", "metric"], keep="last", ignore_index=True)
    merged = merged[[*COLUMNS, *(c for c in merged.columns if c not in COLUMNS)]]
    merged.attrs["axes"] = axes
    return merged


def results_files(path: Path) -> Iterator[Path]:
    """Every Parquet file of a run, of the runs below a folder, or the file itself."""
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise StoreError(f"{path}: no such file or folder")
    for run in runs_in(path):
        yield from Run(run).files()


def runs_in(path: Path) -> list[Path]:
    """The folder itself where it is one of a run, else those of the runs below it. StoreError where there is none."""
    found = [path] if (path / "run.json").exists() else [p.parent for p in below(path, ".json") if p.name == "run.json"]
    if not found:
        raise StoreError(f"{path}: no gridstone run there (no run.json in it or below it)")
    return found


def _nullable() -> dict[object, object]:
    import pandas as pd
    import pyarrow as pa

    return {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
