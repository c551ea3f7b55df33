"""What decisions cost that are made for cells which the laws have not seen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.model.wire import chosen_vector

if TYPE_CHECKING:
    import pandas as pd

    from gridstone.fit.cells import Sought

_IN_PLACE = "gather/zero_copy"
_AXES = ("probe", "row_bytes", "align", "vector", "threads", "block", "direction", "count")
_Options = dict[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Regret:
    """A decision at held-out cells: what was asked, the choice, the best, and what the choice costs over it, less 1."""

    decision: str
    asked: Mapping[str, Any]
    choice: str
    best: str
    options: int
    regret: float


def regrets(frame: pd.DataFrame, wanted: Sequence[Sought], holdout: Sequence[Mapping[str, Any]]) -> list[Regret]:
    """The decisions `gather` and `scatter` at every cell that random folds held out.

    frame: the rows of the runs. wanted: the laws of transfer_time; holdout: their rows of holdout.parquet. Each way is
    predicted by a law that was fitted without the cell; the costs of the choice and of the best are as measured, so
    that where two ways are alike, what they differ by is their noise. Questions with a single way left are none.
    """
    costs = _costs(frame, wanted, holdout)
    return [*_decided("gather", _gathers(costs)), *_decided("scatter", _scatters(costs))]


def summary(found: Sequence[Regret]) -> dict[str, dict[str, float]]:
    """By decision: `n` questions, regret in the `mean`, at 95 % and at most, and the share that `hit` the best."""
    told = {}
    for name in dict.fromkeys(one.decision for one in found):
        costs = np.array([one.regret for one in found if one.decision == name])
        told[name] = {
            "n": costs.size,
            "mean": float(costs.mean()),
            "p95": float(np.quantile(costs, 0.95)),
            "max": float(costs.max()),
            "hit": float((costs == 0).mean()),
        }
    return told


def _costs(frame: pd.DataFrame, wanted: Sequence[Sought], holdout: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Per held-out cell its axes, its way, and seconds of a row or block, as measured and as predicted."""
    import pandas as pd

    predicted = {(row["law"], row["axes"]): row["predicted"] for row in holdout if row["kind"] == "random"}
    found = []
    for law in wanted:
        name = json.dumps(dict(law.keys), sort_keys=True)
        for cell in law.cells.to_dict("records"):
            at = json.dumps({axis: float(cell[axis]) for axis in law.axes})
            if (name, at) in predicted:
                words = {"cell_id": cell["cell_id"], "way": str(law.keys["method"]), "whole": law.axes == ("bytes",)}
                found.append({**words, "measured": cell["value"], "predicted": predicted[name, at]})
    names = ["cell_id", "way", "whole", "measured", "predicted"]
    cells = pd.DataFrame(found, columns=names).groupby(names[:3], as_index=False).median()
    axes = frame.drop_duplicates("cell_id").set_index("cell_id").reindex(columns=list(_AXES))
    cells = cells.join(axes, on="cell_id")
    # Of ways that take one time for all bytes, a block has its share.
    shares = np.where(cells["whole"], cells["count"].fillna(1).astype(float), 1.0)
    return cells.assign(measured=cells["measured"] / shares, predicted=cells["predicted"] / shares)


def _gathers(costs: pd.DataFrame) -> list[tuple[dict[str, Any], _Options]]:
    """Rows of each size and alignment: the ways in place, and those by the host with all threads that were tried."""
    ours = costs[costs["way"].str.startswith("gather/") & costs["row_bytes"].notna()]
    in_place, others = ours[ours["probe"] == _IN_PLACE], ours[ours["probe"] != _IN_PLACE]
    most = others["threads"].max()
    others = others[others["threads"].isna() | (others["threads"] == most)]
    asked = []
    for (row_bytes, align), rows in in_place.groupby(["row_bytes", "align"]):
        size, shift = int(row_bytes), int(align)
        vectors = [chosen_vector(_name(way), size, shift) for way in rows["way"]]
        options = _options(rows[rows["vector"] == vectors])
        options |= _options(others[(others["row_bytes"] == row_bytes) & (others["way"] != "gather/strided")])
        asked.append(({"row_bytes": size, "align": shift}, options))
    return asked


def _scatters(costs: pd.DataFrame) -> list[tuple[dict[str, Any], _Options]]:
    """Blocks of each size and direction, from one thread."""
    ours = costs[costs["way"].str.startswith("blocks/") & ~(costs["threads"] > 1)]
    asked = []
    for (direction, block), rows in ours.groupby(["direction", "block"]):
        asked.append(({"direction": str(direction), "block": int(block)}, _options(rows)))
    return asked


def _options(rows: pd.DataFrame) -> _Options:
    return {_name(one["way"]): (one["measured"], one["predicted"]) for one in rows.to_dict("records")}


def _name(way: str) -> str:
    return way.partition("/")[2]


def _decided(decision: str, asked: Sequence[tuple[dict[str, Any], _Options]]) -> list[Regret]:
    found = []
    for question, options in asked:
        if len(options) > 1:
            choice = min(options, key=lambda name: options[name][1])
            best = min(options, key=lambda name: options[name][0])
            cost = options[choice][0] / options[best][0] - 1
            found.append(
                Regret(decision=decision, asked=question, choice=choice, best=best, options=len(options), regret=cost)
            )
    return found
