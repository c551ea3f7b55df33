"""A machine whose laws of rows and blocks are known, measured in the cells of `link_rows` and fitted."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
from fitted_machine import write_run
from link_rows import link_rows, row_time

from gridstone.fit import fit
from gridstone.model.far import slower

FAR = {"reach": 6.0e8, "miss": 24e-9}
_FIXED = {"run_id", "probe", "cell_id", "metric", "unit", "better", "status", "reason", "value", "lo", "hi", "n"}


def truth(row: dict[str, Any]) -> float:
    """The bandwidth of a gather in place; other probes keep that of `link_rows`."""
    if row["probe"] not in ("gather/zero_copy", "gather/distribution") or row["metric"] != "bandwidth":
        return float(row["value"])
    align = int(row["align"]) if row["align"] == row["align"] else 0
    near = row_time(row["method"], int(row["row_bytes"]), align, int(row["vector"]))
    far = float(slower(near, row["footprint"], FAR)) if row["footprint"] == row["footprint"] else 1.0
    return float(row["row_bytes"] / (near * far))


def as_cells(rows: pd.DataFrame) -> dict[str, list[Any]]:
    """Rows as `write_run` takes them."""
    axes = [c for c in rows.columns if c not in _FIXED | {"limit", "limit_kind", "device_uuid", "host"}]
    cells: dict[str, list[Any]] = {}
    for row in rows.to_dict("records"):
        own = {a: int(row[a]) if isinstance(row[a], float) else row[a] for a in axes if row[a] == row[a]}
        cells.setdefault(row["probe"], []).append((own, row["metric"], row["unit"], truth(row)))
    return cells


@cache
def link_model() -> Path:
    """The model of one run of all standard cells of the link, with noise, fitted once per test session."""
    root = Path(tempfile.mkdtemp(prefix="gridstone-link-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    fit([write_run(root / "run", as_cells(link_rows()))], root / "model")
    return root / "model"
