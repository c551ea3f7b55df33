"""Little's law of reads, and how fast one thread starts boxes, which is no matter of what is under way."""

import pandas

from gridstone.fit.little import little
from gridstone.report import listing, measured, trusted

_SAME = 0.03  # of the cycles per box: as far as numbers of boxes under way differ where none of them matters


def laws(rows):
    """((method, tier), Little) where the curve has both regimes; bytes per SM and clock, so that time is in cycles.

    Where one thread starts no more boxes than come, it is the best boxes with as many bytes under way: small ones wait
    for that thread.
    """
    chosen = trusted(measured(rows, "tma/in_flight", "bandwidth_sm"))
    if chosen.empty:
        return
    for (tier, method), group in chosen.groupby(["tier", "method"]):
        held_up = method == "bulk" and _pace(rows, tier) is not None
        points = pandas.concat([group, _boxes(rows, tier)]) if held_up else group
        curve = points.groupby("in_flight")["value"].max()
        try:
            yield (method, tier), little(curve.index.to_numpy(dtype=float), curve.to_numpy(dtype=float))
        except ValueError:
            continue


def told(rows, laws, tier, names):
    """What the laws of a tier say, and the pace of one thread."""
    found = [
        f"{names.get(method, method)} {law.latency:.0f} cycles and {law.peak:.1f} bytes per SM and clock"
        for (method, of), law in laws.items()
        if of == tier
    ]
    pace = _pace(rows, tier)
    best = ", of bulk copies by the boxes that do best" if pace is not None and ("bulk", tier) in laws else ""
    text = f" Fitted to latency and peak (Little's law{best}): {listing(found)}." if found else ""
    return text if pace is None else f"{text} One thread starts a box every {pace:.0f} cycles at best."


def _boxes(rows, tier):
    """Bulk loads of one block per SM, with the bytes that it has under way as `in_flight`."""
    found = measured(
        rows, "tma/throughput", "bandwidth_sm", pattern="load", form="bulk", tier=tier, blocks=1, cluster_size=1
    )
    good = trusted(found)
    return good.assign(in_flight=good["bytes"] * good["stages"]) if len(good) else good


def _pace(rows, tier):
    """Cycles from one of the smallest boxes to the next, where half as many under way come as fast; None elsewhere."""
    boxes = _boxes(rows, tier)
    if boxes.empty:
        return None
    least = boxes[boxes["bytes"] == boxes["bytes"].min()].set_index("stages")["value"].sort_index()
    most = least.index.max()
    if most / 2 not in least.index or abs(least[most] / least[most / 2] - 1) > _SAME:
        return None
    return float(boxes["bytes"].min() / least[most])
