"""variability from the repeated collectives: how much longer than the median the slow ones take."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gridstone.fit.cells import Sought, joined, usable

if TYPE_CHECKING:
    import pandas as pd

NAME = "variability"
FORM = "quantile over median, a curve over log(1 / (1 - quantile))"
PROBES = ("collective/variability", "nccl/variability")

_TAILS = (2, 4, 10, 20, 40, 100, 200, 400, 1000, 2000, 4000)
_NCCL = "nccl"
_BEYOND = 10  # a quantile is used where at least so many samples lie beyond it


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per collective, library and tier, of the cells in which nobody was held up on purpose."""
    import pandas as pd

    mpi, nccl = (usable(frame, probe, "time") for probe in PROBES)
    rows = joined([mpi, nccl.assign(library=_NCCL)])
    if "delay" in rows:
        rows = rows[~(rows["delay"] > 0)]
    if rows.empty:
        return []
    found = []
    for (collective, library, tier), these in rows.groupby(["collective", "library", "tier"]):
        quantiles = [one for row in these.to_dict("records") for one in _quantiles(row)]
        if quantiles:
            found.append(
                Sought(
                    keys={"kind": f"{collective}/{library}/{tier}"},
                    axes=("ranks", "bytes", "tail"),
                    unit="1",
                    cells=pd.DataFrame(quantiles),
                    candidates=("loglog", "cubic"),
                    rises=True,
                )
            )
    return found


def _quantiles(row: Any) -> list[dict[str, Any]]:
    """The quantiles that one cell's samples support, over their median, with order-statistic intervals.

    Of n samples the number below a quantile q is binomial: the samples of the ranks n q -+ 1.96 sqrt(n q (1 - q))
    enclose it.
    """
    samples = np.sort(np.asarray(row["samples"], dtype=float))
    n = samples.size
    if n == 0:
        return []
    median = float(np.median(samples))
    kept = {name: row[name] for name in ("site", "run_id", "cell_id", "probe", "ranks", "bytes")}
    found = []
    for tail in _TAILS:
        if n / tail < _BEYOND:
            break
        q = 1 - 1 / tail
        spread = 1.96 * np.sqrt(n * q * (1 - q))
        lo, hi = (samples[int(np.clip(i, 0, n - 1))] for i in (np.floor(n * q - spread), np.ceil(n * q + spread)))
        value = float(np.quantile(samples, q))
        found.append({**kept, "tail": float(tail), "value": value / median, "lo": lo / median, "hi": hi / median})
    return found
