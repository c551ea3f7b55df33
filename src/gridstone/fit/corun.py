"""corun from pairs of kinds of work beside each other, a collective among GPUs being one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gridstone.fit.cells import Sought, cells, usable, words

if TYPE_CHECKING:
    import pandas as pd

NAME = "corun"
FORM = (
    "slowdown of each kind beside each other kind, over the share of the SMs that it has; of a collective and beside "
    "one also over its ranks"
)
PROBES = ("corun/pair", "nccl/beside")

_COLLECTIVE = {"kind": "tensor", "beside": "allreduce", "method": "exclusive"}


def sought(frame: pd.DataFrame) -> list[Sought]:
    """One law per ordered pair of kinds and way of splitting the SMs; both metrics of a cell feed one each."""
    import pandas as pd

    parts = []
    for probe, naming in (("corun/pair", {}), ("nccl/beside", _COLLECTIVE)):
        own, other = (usable(frame, probe, metric).assign(**naming) for metric in ("slowdown", "slowdown_beside"))
        if naming and len(own):
            own, other = (rows[rows["blocks"] == 0] for rows in (own, other))  # as many as NCCL takes by itself
        if len(own):
            other = other[(other["kind"] != other["beside"]) & (other["split"] < 100)]
            swapped = other.assign(kind=other["beside"], beside=other["kind"], split=100 - other["split"])
            parts += [own, swapped]
    if not parts:
        return []
    rows = pd.concat(parts, ignore_index=True)
    found = []
    for method in words(rows, "method"):
        for kind in words(rows, "kind"):
            for beside in words(rows, "beside"):
                chosen = (rows["method"] == method) & (rows["kind"] == kind) & (rows["beside"] == beside)
                these = rows[chosen.fillna(False).astype(bool)]
                if len(these):
                    found.append(_law(these, {"kind": kind, "beside": beside, "method": method}))
    return found


def _law(rows: pd.DataFrame, keys: dict[str, str | bool]) -> Sought:
    axes = ("ranks", "split") if "ranks" in rows and rows["ranks"].notna().all() else ("split",)
    return Sought(
        keys=keys,
        axes=axes,
        unit="1",
        cells=cells(rows, **{name: rows[name] for name in axes}),
        candidates=("affine", "loglog", "cubic"),
    )
