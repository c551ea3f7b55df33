"""What tensor cores do and draw, by how many bits of their operands change: the cells behind power, clock and rate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from gridstone import content
from gridstone.device.telemetry import THROTTLING
from gridstone.fit.cells import Sought, usable, words
from gridstone.model.power import ROOT, root

if TYPE_CHECKING:
    import pandas as pd

Box = Mapping[str, tuple[float | None, float | None]]
PROBE = "power/tensor"
# The clock at a card's power cap is what its cells at equilibrium are about. One that is held for heat is of the day.
_OF_THE_DAY = THROTTLING - {"sw_power_cap"}
NOTHING: Box = {}
_NEEDED = ("a_type", "operands", "regime")


def at_its_clock(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of a metric that are ok, or that only the power cap slowed."""
    if not set(_NEEDED) <= set(frame.columns):
        return frame[:0].assign(site=None)
    held = (frame["probe"] == PROBE) & (frame["status"] == "throttled") & frame["throttle"].map(_only_capped)
    rows = usable(frame.assign(status=frame["status"].where(~held, "ok")), PROBE, metric)
    return rows[rows["operands"].notna()]


def laws(
    rows: pd.DataFrame,
    table: pd.DataFrame,
    unit: str,
    *,
    candidates: tuple[str, ...] = ("affine", "cubic"),
    rises: bool = False,
    free: Box = NOTHING,
) -> list[Sought]:
    """One law per type and regime over the root of activity; `table` has the cells of `rows`, in their order."""
    found = []
    for dtype in words(rows, "a_type"):
        activity = {o: _activity(dtype, o) for o in words(rows, "operands")}
        for regime in words(rows, "regime"):
            these = ((rows["a_type"] == dtype) & (rows["regime"] == regime)).fillna(False).to_numpy(dtype=bool)
            if these.any():
                own = rows.loc[these, "operands"]
                found.append(
                    Sought(
                        keys={"kind": f"tensor/{dtype}", "regime": regime},
                        axes=(ROOT,),
                        unit=unit,
                        cells=table[these].assign(**{ROOT: [root(activity[o]) for o in own]}),
                        candidates=candidates,
                        rises=rises,
                        parameters={"activity": {o: activity[o] for o in dict.fromkeys(own)}},
                        free=free,
                    )
                )
    return found


def _only_capped(throttle: object) -> bool:
    return isinstance(throttle, str) and not _OF_THE_DAY & set(throttle.split("|"))


def _activity(dtype: str, operands: str) -> float:
    module = content.load_module(content.folder("runners") / "operand_activity.py")
    return float(module.activity(dtype, operands))
