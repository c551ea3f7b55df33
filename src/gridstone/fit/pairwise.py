"""The latency between pairs of SMs: read off the rows of dsm/latency_pair, and modelled for a program to ask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone import pairs
from gridstone.fit.conformal import quantile

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

FEWEST = 40  # pairs below which a held-out error means nothing
FINEST = 1 / 64  # cycles: a latency is the whole cycles of 64 loads more, and no better known (dsm/latency_pair.cu)


def met(rows: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]] | None:
    """Source, destination and cycles of each pair, an SM with itself included: `latency_NN` is to the SM that
    `dst_sm_NN` names. The median where several runs saw a pair; None where no two SMs met."""
    import pandas as pd

    parts = []
    for _, run in rows.groupby("run_id") if len(rows) else ():
        wide = run.pivot_table(index="src_sm", columns="metric", values="value")
        for column in wide.columns:
            where = f"dst_sm_{str(column)[8:]}"
            if str(column).startswith("latency_") and where in wide:
                part = wide[[where, column]].dropna()
                parts.append(part.rename(columns={where: "dst_sm", column: "latency"}).reset_index())
    if not any((part["src_sm"] != part["dst_sm"]).any() for part in parts):
        return None
    each = pd.concat(parts).groupby(["src_sm", "dst_sm"], sort=False)["latency"].median().reset_index()
    return each["src_sm"].to_numpy(np.int64), each["dst_sm"].to_numpy(np.int64), each["latency"].to_numpy(np.float64)


def additive_pairs(rows: pd.DataFrame) -> dict[str, Any] | None:
    """The model level + source + destination of one card's pairs, in cycles, and how good it is on held-out pairs.

    `sms`: numbers of the SMs, and beside each its `group` (a GPC), `level`, `source` and `destination` effect. `r2`,
    `rms` (cycles) and `half_width` (of a 95 % interval, cycles) are of `held_out` pairs, predicted by a model without
    them; neither width is less than what a latency is known to. None for rows of several cards, whose SMs of one number
    are different ones, and for too few pairs.
    """
    found = met(rows) if rows["device_uuid"].nunique() == 1 else None
    if found is None:
        return None
    source, destination, latency = found
    apart = source != destination
    source, destination, latency = source[apart], destination[apart], latency[apart]
    if latency.size < FEWEST:
        return None
    predicted = pairs.held_out(source, destination, latency)
    r2, rms = pairs.quality(latency, predicted)
    known = np.isfinite(predicted)
    if not np.isfinite([r2, rms]).all():
        return None
    model = pairs.additive(source, destination, latency)
    groups = pairs.groups(source, destination)
    sms = [sm for members in groups for sm in members]
    return {
        "sms": sms,
        "group": [number for number, members in enumerate(groups) for _ in members],
        "level": model.level[sms].tolist(),
        "source": model.source[sms].tolist(),
        "destination": model.destination[sms].tolist(),
        "r2": r2,
        "rms": max(FINEST, rms),
        "half_width": max(FINEST, quantile(np.abs(latency - predicted)[known].tolist())[0]),
        "held_out": int(known.sum()),
    }
