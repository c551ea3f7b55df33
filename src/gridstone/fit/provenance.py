"""Where a function's numbers come from: device, driver, clocks, power, libraries, suite revision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# What run.json says of the progress of a run rather than of the machine; a plan can be as long as its cells.
_PROGRESS = {"plan", "cells", "counts", "command", "environment"}
_LISTED = 10  # probes that a reason names one by one


def described(info: Mapping[str, Any]) -> dict[str, Any]:
    """run.json as a model keeps it: everything but the plan and the progress of the run."""
    return {name: value for name, value in info.items() if name not in _PROGRESS}


def provenance(
    rows: pd.DataFrame, probes: Sequence[str], used: set[tuple[str, str]], infos: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What one function came from. rows: all rows of the runs; probes, used: probes and (run, cell) behind it."""
    of_probes = rows[rows["probe"].isin(list(probes))]
    behind = np.array([one in used for one in zip(of_probes["run_id"], of_probes["cell_id"], strict=True)], dtype=bool)
    kept = of_probes[behind & of_probes["value"].notna()]
    ids = sorted(str(v) for v in kept["run_id"].unique())
    here = [info for info in infos if info.get("run_id") in ids]
    left_out = of_probes[~behind].drop_duplicates(["run_id", "cell_id"])["status"].value_counts()
    return {
        "runs": ids,
        "probes": list(probes),
        "device": _each(kept["device"]),
        "device_uuids": _each(kept["device_uuid"]),
        "hosts": _each(kept["host"]),
        "driver": _said(here, "gpu", "driver"),
        "cuda_driver": _said(here, "gpu", "cuda_driver"),
        "suite_version": _said(here, "gridstone", "version"),
        "suite_revision": _said(here, "gridstone", "revision"),
        "suite_dirty": _said(here, "gridstone", "dirty"),
        "packages": {k: v for info in here for k, v in (info.get("packages") or {}).items()},
        "sm_mhz": _range(kept["sm_mhz"]),
        "mem_mhz": _range(kept["mem_mhz"]),
        "power_w": _range(kept["power_w"]),
        "cells": int(kept["cell_id"].nunique()),
        "cells_left_out": {str(k): int(v) for k, v in left_out.items() if k != "ok"},
    }


def unfed(rows: pd.DataFrame, probes: Sequence[str]) -> dict[str, str]:
    """Why each of these probes, of which no row could be used, fed nothing."""
    why = {}
    for probe in probes:
        cells = rows[rows["probe"] == probe].drop_duplicates(["run_id", "cell_id"])
        if cells.empty:
            why[probe] = "not in the runs"
            continue
        counts = ", ".join(f"{count} {status}" for status, count in cells["status"].value_counts().items())
        if (cells["status"] == "ok").all():
            why[probe] = f"{len(cells)} cells that no law could use"
            continue
        reasons = cells["reason"].dropna()
        first = f" ({reasons.iloc[0]})" if len(reasons) else ""
        why[probe] = f"no usable row: {counts}{first}"
    return why


def told(unfed: Mapping[str, str]) -> str:
    """`not in the runs: copy/device, copy/mapped`: probes that fed nothing, in one line, by reason.

    Where many lack for one reason, their families stand for them: `not in the runs: 31 probes of cache, dsm`.
    """
    reasons: dict[str, list[str]] = {}
    for probe, reason in unfed.items():
        reasons.setdefault(reason, []).append(probe)
    return "; ".join(f"{reason}: {_listed(probes)}" for reason, probes in reasons.items())


def _listed(probes: Sequence[str]) -> str:
    if len(probes) <= _LISTED:
        return ", ".join(probes)
    families = dict.fromkeys(probe.partition("/")[0] for probe in probes)
    return f"{len(probes)} probes of {', '.join(families)}"


def _each(column: pd.Series[Any]) -> list[str]:
    return sorted(str(v) for v in column.dropna().unique())


def _said(infos: Sequence[Mapping[str, Any]], section: str, name: str) -> list[Any]:
    found = [(info.get(section) or {}).get(name) for info in infos]
    return sorted({v for v in found if v is not None}, key=str)


def _range(column: pd.Series[Any]) -> dict[str, float] | None:
    x = column.dropna().to_numpy(float)
    return {"lo": float(x.min()), "median": float(np.median(x)), "hi": float(x.max())} if x.size else None
