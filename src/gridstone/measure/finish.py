"""What is done to the results of a probe once a run is over, and again to those of earlier versions."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from gridstone.measure.drift import widened
from gridstone.measure.throttling import amiss, slowed


def finishing(sm_mhz_max: float | None) -> Callable[[pa.Table], pa.Table]:
    """Intervals know the drift, and `throttled` is said of slowed values only. Doing it twice changes nothing.

    sm_mhz_max: the highest SM clock of the GPU, None without one.
    """
    return lambda results: _rightly_throttled(widened(results), sm_mhz_max)


def _rightly_throttled(results: pa.Table, sm_mhz_max: float | None) -> pa.Table:
    regime = ["regime"] if "regime" in results.column_names else []
    rows = results.select(["status", "reason", "unit", "sm_mhz", "throttle", *regime]).to_pylist()
    if all(row["status"] != "throttled" for row in rows):
        return results
    for row in rows:
        if row["status"] != "throttled":
            continue
        reported = (row["throttle"] or "").split("|")
        if not (amiss(reported, row) and slowed(row["unit"], row["sm_mhz"], sm_mhz_max)):
            row |= {"status": "ok", "reason": None}
    for name in ("status", "reason"):
        at = results.schema.get_field_index(name)
        results = results.set_column(at, results.schema.field(at), pa.array([row[name] for row in rows], pa.string()))
    return results
