"""The law of saturation beside the cells that it goes through: a curve per number of chains, and its bend in words."""

from dataclasses import replace

import numpy as np

from gridstone.fit.saturation import saturation
from gridstone.report import percent, series, trusted

ENOUGH = 0.95  # of the most that was measured: there a pipe counts as full
_SEEN = 1.005


def fitted(rows, *, chains, work, latency=None):
    """The law through the ok rows of one operation; None where neither warps nor chains were swept.

    chains: the axis of what a warp keeps under way. work, latency: as in `gridstone.fit.saturation`.
    """
    good = trusted(rows)
    if good.empty or good["warps"].nunique() < 2 or good[chains].nunique() < 2:
        return None
    points = good.groupby([chains, "warps"])["value"].median().reset_index().to_numpy(float)
    ceiling = good["limit"].dropna()
    return saturation(points, work=work, latency=latency, ceiling=float(ceiling.iloc[0]) if len(ceiling) else None)


def drawn(rows, law, *, chains, named, step=1):
    """A series of points over warps for each number of chains, each with the law's curve at every `step` warps."""
    found = []
    for many in sorted(rows[chains].unique()):
        (one,) = series(rows[rows[chains] == many], x="warps", by=[chains])
        warps = np.arange(min(one.x), max(one.x) + 1, step)
        curve = [] if law is None else zip(warps, law.rate(warps, np.full(warps.shape, float(many))), strict=True)
        found.append(replace(one, label=f"{int(many)} {named if many != 1 else named.removesuffix('s')}", law=[*curve]))
    return found


def least(rows, chains):
    """(warps, chains) of the ok cell with the fewest under way that reaches nearly the most; None where none is ok."""
    good = trusted(rows)
    if good.empty:
        return None
    near = good[good["value"] >= ENOUGH * good["value"].max()]
    first = near.assign(under_way=near["warps"] * near[chains]).sort_values(["under_way", "warps"]).iloc[0]
    return int(first["warps"]), int(first[chains])


def told(rows, law, *, chains, named):
    """Where the pipe is full, the law's cycles, and how far off its cells lie."""
    point = least(rows, chains)
    if point is None:
        return ""
    warps, many = point
    said = f"{percent(ENOUGH)} of the most is there with {warps} warps x {many} {named if many != 1 else named[:-1]}."
    if law is None:
        return said
    good = trusted(rows)
    off = 100 * np.abs(law.rate(good["warps"].to_numpy(float), good[chains].to_numpy(float)) / good["value"] - 1)
    # The pace of one warp is not seen where the pipe itself is slower.
    pace = f" one warp alone does one every {law.alone:.3g} at best," if law.alone > _SEEN * law.full else ""
    return (
        f"{said} Lines: a latency of {law.latency:.4g} cycles,{pace} a scheduler one every {law.full:.4g}; half of the "
        f"cells lie within {off.median():.1g} % of them, all within {off.max():.2g} %."
    )
