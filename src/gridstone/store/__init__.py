"""How results are kept: Parquet with one row per cell and metric, atomic parts, run.json."""

from gridstone.store.files import write_atomically
from gridstone.store.load import load, results_files, runs_in
from gridstone.store.run import Run, new_run_id, read
from gridstone.store.schema import COLUMNS, FORMAT, STATUSES, Row, StoreError
from gridstone.store.unsaid import unsaid

__all__ = [
    "COLUMNS",
    "FORMAT",
    "STATUSES",
    "Row",
    "Run",
    "StoreError",
    "load",
    "new_run_id",
    "read",
    "results_files",
    "runs_in",
    "unsaid",
    "write_atomically",
]
