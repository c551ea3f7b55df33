"""corun from pairs of kinds of work beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells, usable, words

if TYPE_CHECKING:
    import pandas as pd

NAME = "corun"
FORM = "slowdown of each kind beside each other kind, over the share of the SMs that it has"
PROBES = ("corun/pair",)


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per ordered pair of kinds and way of splitting the SMs; both metrics of a cell feed one each."""
    import pandas as pd

    own, other = usable(frame, "corun/pair", "slowdown"), usable(frame, "corun/pair", "slowdown_beside")
    if own.empty:
        return []
    other = other[other["kind"] != other["beside"]]
    swapped = other.assign(kind=other["beside"], beside=other["kind"], split=100 - other["split"])
    rows = pd.concat([own, swapped], ignore_index=True)
    found = []
    for method in words(rows, "method"):
        for kind in words(rows, "kind"):
            for beside in words(rows, "beside"):
                chosen = (rows["method"] == method) & (rows["kind"] == kind) & (rows["beside"] == beside)
                these = rows[chosen.fillna(False).astype(bool)]
                if len(these):
                    found.append(
                        Sought(
                            keys={"kind": kind, "beside": beside, "method": method},
                            axes=("split",),
                            unit="1",
                            cells=cells(these, split=these["split"]),
                            candidates=("affine", "loglog", "cubic"),
                        )
                    )
    return found
