"""What is done to the results of a probe once a run is over, and again to those of earlier versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from gridstone.measure.drift import widened
from gridstone.measure.throttling import amiss, slowed

if TYPE_CHECKING:
    import pyarrow as pa


def finishing(sm_mhz_max: float | None) -> Callable[[pa.Table], pa.Table]:
    """Intervals know the drift, `throttled` is said of slowed values only, and `impossible` of whole intervals.

    Doing it twice changes nothing.

    sm_mhz_max: the highest SM clock of the GPU, None without one.
    """
    return lambda results: _rightly_throttled(_still_impossible(widened(results)), sm_mhz_max)


def _still_impossible(results: pa.Table) -> pa.Table:
    """An interval that the drift has widened to its limit is not beyond it."""
    rows = results.select(
        ["status", "reason", "lo", "hi", "better", "limit", "verified", "sass_ok", "throttle"]
    ).to_pylist()
    if all(row["status"] != "impossible" for row in rows):
        return results
    for row in rows:
        reaches = row["limit"] is not None and (
            row["lo"] <= row["limit"] if row["better"] == "higher" else row["hi"] >= row["limit"]
        )
        if row["status"] != "impossible" or not reaches:
            continue
        if row["verified"] is False or row["sass_ok"] is False:
            row |= {"status": "unverified", "reason": "the result or the machine code is not what it should be"}
        else:  # whether it was slowed has not been asked of it yet
            told = ", ".join(filter(None, (row["throttle"] or "").split("|")))
            row |= {"status": "throttled", "reason": f"the GPU slowed itself while sampling: {told}"}
    return _said(results, rows)


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
    return _said(results, rows)


def _said(results: pa.Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """The results with the status and the reason of these rows."""
    import pyarrow as pa

    for name in ("status", "reason"):
        at = results.schema.get_field_index(name)
        results = results.set_column(at, results.schema.field(at), pa.array([row[name] for row in rows], pa.string()))
    return results
