"""launch_overhead from the launch probes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells, usable, words

if TYPE_CHECKING:
    import pandas as pd

NAME = "launch_overhead"
FORM = "kernels and synchronisation: n times one call; graphs: a start plus a cost per node between breakpoints"
PROBES = ("launch/kernel", "launch/graph", "launch/sync")


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per mode."""
    kernels, sync, graphs = (usable(frame, f"launch/{name}", "time") for name in ("kernel", "sync", "graph"))
    found = []
    for library in words(kernels, "library"):
        front_end = kernels[kernels["library"] == library]
        for method in words(front_end, "method"):
            found.append(_call(front_end[front_end["method"] == method], f"{library}/{method}"))
    found += [_call(sync[sync["method"] == m], f"sync/{m}") for m in words(sync, "method")]
    for method in words(graphs, "method"):
        rows = graphs[graphs["method"] == method]
        found.append(
            Sought(
                keys={"mode": f"graph/{method}"},
                axes=("n",),
                unit="s",
                cells=cells(rows, n=rows["count"]),
                candidates=("affine", "segments", "cubic"),
                rises=True,
            )
        )
    return found


def _call(rows: pd.DataFrame, mode: str) -> Sought:
    return Sought(keys={"mode": mode}, axes=(), unit="s", cells=cells(rows), free={"n": (1.0, None)})
